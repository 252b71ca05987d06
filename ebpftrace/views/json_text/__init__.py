"""Records as JSON text."""
