appscale {'myappscale':
  master    => ["155.210.155.73", "/var/tmp/lucid-app1.img"],
  appengine => ["155.210.155.73", "/var/tmp/lucid-app1.img"],
  database  => ["155.210.155.73", "/var/tmp/lucid-app1.img"],
  login     => ["155.210.155.73", "/var/tmp/lucid-app1.img"],
  open      => ["/etc/puppet/modules/appscale/files/open-ips.txt", "/etc/puppet/modules/appscale/files/open-imgs.txt"],
  vm_domain => "/etc/puppet/modules/appscale/files/template.xml",
  pool      => ["155.210.155.70"],
  ensure    => running,
}
