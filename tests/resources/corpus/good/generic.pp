generic { 'mail':
  ensure => running,
  store  => ['10.0.0.5', 'web.qcow2'],
  front  => { ips => '10.0.0.6-7', image => 'web.qcow2', after => store, reads => ['store'],
              start => { run => 'systemctl restart postfix', timeout => '30s' },
              check => "postfix status" },
}
