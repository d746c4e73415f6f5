web { 'a':
  ensure => running,
