"""`make fleet-demo`: ebpftrace as a DaemonSet on a node of a real Kubernetes, made for it."""
