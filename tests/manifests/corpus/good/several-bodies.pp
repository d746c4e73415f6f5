# One type, several bodies; the last ';' may stay. The body 'default' gives attributes to the others.
torque {
  default:
    vm_ncpu => 2,
    pool    => ['node1'];
  'first':
    ensure => running;
  "second":
    ensure  => stopped,
    vm_ncpu => 4;
  third: pool => undef;
  ['fourth', 'fifth']: ensure => running;
}
web { bare: }
