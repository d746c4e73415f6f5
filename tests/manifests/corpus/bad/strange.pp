// a comment
web { 'a':
  // another
  ensure => running, // behind
  pool => // here
    ['a'],
  Vm_mem => 5,
  "vm_mem" => 6,
  vm-mem => 7,
  x +> 3,
  y => $a = 3,
}
$a = $b = 3
[$c, $d] = [1, 2]
$a += 1
