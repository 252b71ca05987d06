"""The judge: snapshots in, findings out. One detector a file, each pure."""
