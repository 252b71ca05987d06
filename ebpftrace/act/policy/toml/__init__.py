"""Typed tables of a TOML file, with the line and column of every mistake."""
