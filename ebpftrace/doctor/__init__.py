"""`doctor`: what is wrong with a node's set-up for gopls, and with a repository's files."""
