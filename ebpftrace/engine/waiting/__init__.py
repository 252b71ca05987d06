"""Where the engine's thread waits: for the kernel, signals, time and other threads."""
