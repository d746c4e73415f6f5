# Defaults hold for resources above and below them; what a resource says itself comes first.
torque { 'above': ensure => running }
Torque {
  pool    => ['node1', 'node2'],
  vm_ncpu => 2,
}
torque { 'below': ensure => running, vm_ncpu => 4; 'undone': pool => undef }
web { 'other': ensure => running }
