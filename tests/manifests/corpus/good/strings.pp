web { 'strings':
  single     => 'it\'s a \\ and a \n that stays',
  double     => "tab\there, \"quoted\", \$5, a\sspace, \\",
  unicode    => "\u00e9\u{1F32C}é",
  lines      => "one
two",
  joined     => "one \
two",
  empty      => '',
  empty2     => "",
  number     => '3',
  word       => 'true',
  mixed      => "'",
  path       => 'C:\temp',
}
