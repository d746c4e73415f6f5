web { 'a':
  ip     => 10.0.0.1,
  range  => 10.0.0.11-10.0.0.18,
  host   => node1.example.org,
  path   => /var/tmp/a.img,
  name   => Running,
  mac    => 52:54:00:01:00:00,
  octal  => 08,
  hex    => 0xyz,
  large  => 9223372036854775808,
  huge   => 1e999,
  word   => class,
  other  => default,
}
