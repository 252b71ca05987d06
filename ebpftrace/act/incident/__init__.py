"""An incident and its outcome, as values."""
