$hosts = ['node1']
web { 'a':
  pool  => $hots,
  disk  => "$nothing and ${late}",
  early => $late,
}
$late = 1
$late = 2
$Upper = 1
$a::b = 1
$ = 3
$x 3
$broken = [1, 2
web { 'b': pool => $broken }
web { 'c': pool => $hosts, x => $broken }
