web { 'a':
	ensure	=> runn ing,
}
