web:
  a: {ensure: running}
