web {'myweb':
  balancer  => ["155.210.155.175", "/var/tmp/lucid-lb.img"],
  server    => ["/etc/puppet/modules/web/files/server-ips.txt", "/etc/puppet/modules/web/files/server-imgs.txt"],
  database  => ["155.210.155.177", "/var/tmp/lucid-db.img"],
  vm_domain => "/etc/puppet/modules/web/files/template.xml",
  pool      => ["155.210.155.70"],
  ensure    => running,
}
