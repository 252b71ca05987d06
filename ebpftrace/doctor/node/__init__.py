"""This node: what its kernel offers, what its jobs share, and what else kills processes."""
