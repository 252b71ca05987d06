"""Writing to a pipe without waiting for its reader."""
