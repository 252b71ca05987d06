"""A Go module: what it depends on, by depth, and what gopls takes for it."""
