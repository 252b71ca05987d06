"""`make demo`: three demonstration CI jobs, watched by `ebpftrace watch`.

Each job is a memory cgroup with a limit and a runner in it. The runner has a CI system's
variables in its environment, and restarts a process named gopls whenever that ends. One job
is steady, one shows the sawtooth of a garbage collector, one leaks until the kernel's OOM
killer ends it. Everything is removed when the watch ends.
"""
