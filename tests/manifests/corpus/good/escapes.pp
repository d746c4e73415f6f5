# Every escape of both quotes, and what is none of them.
$x = 'X'
web { 'e':
  double    => "\\ \n \t \r \s \$x \" \' \u0041 \u{41} \u{1F32C}",
  single    => '\\ \' \n \t \$x ${x} "',
  dollars   => "$ $$ \${x} $ {x} ${x}$x ${x}x $x-x",
  quotes    => ["'", '"', '\'', "\"", '\\\'', "\\\""],
  last      => ['\\', "\\", 'ends in \\'],
  unicode   => 'ñ 日本 🌬 ‮ \u0041',
}
