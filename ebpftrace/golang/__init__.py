"""A Go process, read from outside: what it was built from."""
