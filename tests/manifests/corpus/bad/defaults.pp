Web { pool => ['a'], pool => ['b'] }
Web { pool => ['c'] }
Web { 'a': pool => ['c'] }
Web { vm_ncpu => 2; }
web { 'a': ensure => running }
