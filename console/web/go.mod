// Here the Go tools look no further: what npm installs may hold Go files.
module web

go 1.26
