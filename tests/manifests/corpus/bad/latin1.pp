web { 'a':
  a => 'café',
}
