web { 'a':
  ensure   => 'running,
  pool     => ['n1'],
  balancer => ['10.0.0.1', 'x.img'],
  server => ['10.0.0.2', 'x.img'],
}
web { 'b':
  ensure   => "running,
  pool     => ["n1"],
}
