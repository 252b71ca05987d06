"""The audit log: written, read, replayed at start; and the budget it preserves."""
