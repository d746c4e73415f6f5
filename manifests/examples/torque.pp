torque {'mytorque':
  head      => ["155.210.155.73", "/var/tmp/lucid-tor1.img"],
  compute   => ["/etc/puppet/modules/torque/files/compute-ips.txt",
                "/etc/puppet/modules/torque/files/compute-imgs.txt"],
  vm_domain => "/etc/puppet/modules/torque/files/template.xml",
  pool      => ["155.210.155.70"],
  ensure    => running,
}
