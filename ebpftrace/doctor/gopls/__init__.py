"""The gopls that run on this node: their versions, flags, variables and caches."""
