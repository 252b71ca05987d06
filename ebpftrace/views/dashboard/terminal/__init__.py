"""The terminal: keys in, as few bytes as possible out."""
