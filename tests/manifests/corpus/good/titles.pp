# A list of titles may be empty or nested; a body may have nothing in it; ';' and ',' may end what they end.
web { []: ensure => running }
web { [['a'], [['b', "c"]]]: ensure => running, ; }
web { ['d',]: ensure => running; ['e', 'f',]: ; }
$more = ['g', 'h']
web { $more: }
web { "${more}": }
::web { 'i': }
