$v0 = 'a long enoug0] cost: 5\$ 5$ \${n} $",
b': pool => $broken }
web { 'c': poo,
ing and ${late}",
 early => $late,
}
$late = 2
$late = 2ensure => running }
w{*  eb[['a'], [['b', "c"] "c"]]]: ensure => running}w  
,;eb { ['d',]: ensu#re => running; ['e', 'f',]: ; }
$more = ['g', 'h'ys, what its 'default' body says and BBBBBBBBBBBBBBBBBBBB
web { 'a': x => $v28 }
