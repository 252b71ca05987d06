"""Files of a process, read piece by piece and within a bound."""
