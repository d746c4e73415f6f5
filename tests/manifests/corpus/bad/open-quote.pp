web { 'a':
  pool => ['node1
}
