"""What the kernel tells without BPF: /proc, memory cgroups, mounts, taskstats.

Every reader takes the root of the tree it reads, so that a layout this machine does
not have can be laid out in a folder.
"""
