"""Who was stopped by the fuse, and that none of them is ever forgotten."""
