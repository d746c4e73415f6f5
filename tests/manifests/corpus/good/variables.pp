$hosts = ['node1', 'node2']
$n     = 3; $pi = 3.5
$base  = '/srv/images'
$_on   = true
$nothing = undef
$role  = { 'ip' => '10.0.0.1', image => "${base}/a.img" }
web { "site-${n}":
  ensure   => running,
  pool     => $hosts,
  balancer => ['10.0.0.2', "$base/lb.img"],
  server   => $role,
  top      => $::n,
  text     => "n=$n, ${ n }, ${$n}, ${::n}; pi $pi; ${_on}; '${nothing}'; $hosts; $role",
  ends     => "$n.x $n-y $n[0] cost: 5\$ 5$ \${n} $",
  same     => '${n} $n',
}
