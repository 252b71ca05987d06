"""The terminal: decodes keys, and writes as few bytes as possible."""
