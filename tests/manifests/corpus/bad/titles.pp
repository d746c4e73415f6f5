web { ensure => running }
web { '': ensure => running }
web { 5: ensure => running }
web { [1, 'x']: ensure => running }
web { 'x': ensure => running }
web { 'a' ensure => running; 'b': ensure -> running }
web 'a': { ensure => running }
web { }
foo::Bar { 'a': }
web { { a => 1 }: }
