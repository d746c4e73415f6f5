web { 'a': x => 5 }
