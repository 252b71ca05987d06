"""The jobs of many nodes, as their Prometheus has them: `ebpftrace top`."""
