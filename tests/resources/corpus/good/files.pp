web { 'a':
  ensure    => running,
  database  => ['10.0.0.1', '/d.img'],
  server    => ['/ips', '/images'],
  balancer  => { ips => '/one', image => 'b.qcow2' },
  vm_domain => '/template.xml',
  pool      => ['node1', '10.77.0.12'],
  vm_mem    => '160 MiB',
}
== /ips
# two by hand, and a range
10.0.0.11
	10.0.0.12  

10.0.0.20-22
== /images
/a.img
/b.img
# three more
/c.img
/d.img
/e.img
== /one
10.0.0.2
== /template.xml
<?xml version="1.0"?>
<!-- as dumped -->
<domain type='kvm'>
  <name><%= vm[:name] %></name>
  <uuid><%=vm[:uuid]%></uuid>
</domain>
