"""A process that may be acted on: its identity, its files, and what was changed for it."""
