"""What the kernel publishes without BPF: /proc, memory cgroups, mounts, taskstats.

Readers of /proc and mounts take the root of the tree they read, so that a test can lay out
a machine in a folder.
"""
