# The mistake in 'a' excuses what is missing there, and not what is missing in 'b'.
web { 'a':
  ensure   => running,
  server   => ['10.0.0.2', 'a'],
  database => ['10.0.0.1' 'a'],
}
web { 'b':
  ensure => running,
  server => ['10.0.1.2', 'a'],
}
