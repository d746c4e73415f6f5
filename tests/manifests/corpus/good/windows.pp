web { "crlf":
  ensure => running, # c
}
