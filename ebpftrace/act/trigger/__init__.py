"""Evaluates the conditions of policies, on snapshots and on kernel watermarks."""
