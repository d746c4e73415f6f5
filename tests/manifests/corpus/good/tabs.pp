web {	"tabs":
	ensure	=>	running,	# tab
		text => "a	b",
}
