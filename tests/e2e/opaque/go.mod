module local/opaque

go 1.21
