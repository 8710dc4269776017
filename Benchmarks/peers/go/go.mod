module fibril.invalid/peers

go 1.22
