"""Policies: read from TOML, checked, matched and described."""
