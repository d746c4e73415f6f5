# What is wrong with a secret is said without the secret.
$root_password = hunter.2
web { 'a':
  app_password  => hunter.2,
  pm_password   => 'hunter2' hunter2,
  root_password => 0hunter2,
  vnc_passwd    => "${hunter2 }${hunter 2}",
  token_secret  => Hunter2,
  port          => = 5,
}
