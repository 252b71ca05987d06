"""What a watch reads of memory cgroups besides their counters."""
