# Numbers, and strings that look like them.
web { 'n':
  hex      => [0x1F, 0X1f, -0xff, - 0x10],
  octal    => [00, 07, 017, -017, 0777],
  decimal  => [1.0, -1.5, 1e3, 1E3, 1.5e-3, 0.1, 1e100, 1e-100, -0.0, 9007199254740993.0],
  strings  => ['0x1F', '017', '1.0', '1e3', '-5', '', ' ', '+1', '.5', '1_000', '1:30', 'yes', 'null', '~', 'true'],
}
