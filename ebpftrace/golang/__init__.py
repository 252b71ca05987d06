"""Go programs, read from outside: what they were built from."""
