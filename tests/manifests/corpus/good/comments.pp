# a whole line
/* a block,
   over lines, with 'quotes and { brackets # inside */
web { 'a': # behind a title
  ensure /* in */ => /* the */ running, # middle
  pool   => [ # first
    'node1', /* second */ 'node2',
  ],
} # the last line has no newline: #
# end