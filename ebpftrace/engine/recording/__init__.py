"""Records the runs of jobs in the history, and has the past of those that run.

The engine's thread only notes what it sees; the file is read and written on another one.
"""
