web { 'a': ensure => running }
/* open
web { 'b' ensure }
