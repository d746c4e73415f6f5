web { "a":
  ensure = running,
  pool => ["n1"],
  "x" => 1,
}
