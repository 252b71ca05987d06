"""Whose process is it? A job's identity from CI variables, container, pod, unit or cgroup.

One resolver a file. CI variables come first, since one cgroup may serve several jobs in
turn; what the cgroup's path says is the fallback.
"""

from ebpftrace.jobs.resolver import JobResolver

__all__ = ["JobResolver"]
