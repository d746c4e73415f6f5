# Every mistake is found in one run: nothing hides behind another.
web { 'a':
  ensure = running,
  pool   -> ['node1'],
  'disk' => local,
  Memory => 5,
  vm_mem => ,
  vm_ncpu 2,
  head   => ['10.0.0.1', '/a.img'
  vm_user => root,
  server => ["10.0.0.2", "/b.img"]
  balancer => ['10.0.0.3' '/c.img'],
  ensure => stopped,
  ensure => absent,
  database => {ip => '10.0.0.4', image '/d.img', ip => 1},
}
web { 'b': ensure => runing }
web { 'a': ensure => running }
