"""The same troubles before ebpftrace and its rivals, in a booted machine."""
