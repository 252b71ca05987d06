"""`make demo`: three CI jobs made for show, watched by `ebpftrace watch`.

Each job is a memory cgroup of our own with a limit, a runner in it that has a CI
system's variables in its environment, and a process named gopls that the runner starts
again when it ends. One is steady, one shows a collector's sawtooth, one leaks until the
kernel's OOM killer takes it. Whatever is made here is removed when the watch ends.
"""
