"""CI systems: each recognises the processes of its jobs by their environment."""

from ebpftrace.jobs.ci.systems import CI_SYSTEMS

__all__ = ["CI_SYSTEMS"]
