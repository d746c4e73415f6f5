web { 'a': ensure => running }
}
) web { 'b': x }
