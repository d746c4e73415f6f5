# Of what a resource says, what its 'default' body says and what the defaults of the file say, the first is used.
Web { pool => ['file'], vm_ncpu => 1, port => 1 }
Torque { pool => ['torque'] }
web {
  default: pool => ['default'], vm_ncpu => 2;
  'own': pool => ['own'];
  'body': ;
  'none': pool => undef, vm_ncpu => undef;
}
Web { disk => local }
web { 'plain': }
torque { 'other': }
