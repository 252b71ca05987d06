"""`ebpftrace run`: a command in a memory cgroup of its own, watched until it ends."""
