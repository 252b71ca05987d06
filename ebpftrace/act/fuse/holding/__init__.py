"""Resumes stopped processes however the watch ends, and on request over a socket."""
