# What is missing because a mistake swallowed it is not missing.
$image = $imgae
Web { balancer => ['10.0.0.3' 'a'] }
web { 'a':
  ensure   => runing,
  server   => ['10.0.0.2', $image],
  database => ['10.0.0.1' 'a'],
}
web { 'b':
  ensure => running,
  server => ['10.0.1.2', 'a'],
}
