web { 'a':
  head   => ['10.0.0.1', '/a.img',
  server => [['10.0.0.2', '/b.img'], ['10.0.0.3' '/c.img']],
  map    => { a => 1, b 2 },
  ensure => ,
}
web { 'b' ensure => running }
torque { 'c': x => [1, 2; 'd': y = 3 }
$x = [1, 2
torque { 'e': ensure = running }
$y = { a => 1
torque { 'f': ensure = running }
