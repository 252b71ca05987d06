"""Which CI job a process belongs to: by CI variables, container, pod, unit or cgroup.

One source a file, and `ci/` for the CI systems. CI variables come first, since one cgroup
may serve several jobs in turn; the cgroup's path is the fallback.
"""

from ebpftrace.jobs.resolver import JobResolver

__all__ = ["JobResolver"]
