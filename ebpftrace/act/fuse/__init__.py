"""The fuse: bounds in the kernel, and the processes stopped there."""
