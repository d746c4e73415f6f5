web { "bom": ensure => running }
