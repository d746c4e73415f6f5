# What is not read of Puppet, each with what to write instead.
class foo ($x = 1) inherits bar {
  web { 'inside': ensure => running }
}
define thing($a) { web { $a: } }
node 'node1', default { include foo }
include foo, bar
require foo
if $x == 1 {
  web { 'x': }
} elsif $y { web { 'y': } }
else {
  web { 'z': }
}
unless true { }
case $x { 'a': { web { 'x': } } default: { } }
notice("hello, ${world}")
create_resources('web', {})
my_function(1) |$x| { $x }
@web { 'virtual': }
@@web { 'exported': }
Web['a'] { ensure => stopped }
Web <| title == 'a' |> { ensure => stopped }
Web['a'] -> Web['b']
web { 'first': } -> web { 'second': }
$v = $facts['hostname'] ? { 'a' => 1, default => 2 }
$w = 1 + 2
$u = template('x')
web { 'values':
  a => $v ? { 'x' => 1 },
  b => 1 * 2,
  c => file('/etc/x'),
  d => Web['a'],
  e => @("END"),
  f => $v[0],
  g => "${v[0]} and ${1 + 2}",
  h => !true,
  require => Web['b'],
}
web { 'end': ensure => running }
