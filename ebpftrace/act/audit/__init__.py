"""The audit log: written, read, replayed at start, and the budget kept from it."""
