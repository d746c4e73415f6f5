web { 'a': 5 => 1, x => 2 }
web { true: }
$x = 3 )
$
web { 'b': ensure => "running }
