"""A small HTTP server in one thread: bounded connections, bytes and times."""
