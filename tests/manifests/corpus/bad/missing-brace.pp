web { 'a':
  ensure   => running
  pool     => ['n1']
  balancer => ['10.0.0.1', 'x.img'],
}
web { 'b'
  ensure   => running,
  pool     => ['n1'],
}
web { 'c': ensure => running,
web { 'd': ensure => running }
web ( 'e': ensure => running, pool => 'x' )
web { 'f': ensure -> running, pool : 'x', }
