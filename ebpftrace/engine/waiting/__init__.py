"""The one place that waits: for the kernel, signals, time and other threads."""
