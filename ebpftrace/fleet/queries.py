"""What is asked of Prometheus: first which jobs are shown, then all about these alone.

So an answer is as long as the list, however many nodes there are.
"""

import json
from collections.abc import Iterable

PROCESSES = 8
"""How many of a job's processes are shown: the largest."""

CURVE_SECONDS = 15 * 60

_SPECIAL = frozenset("\\.+*?()|[]{}^$")
_ON = "on (instance, job_key)"
_AT_LIMIT = 1e15  # seconds to the limit are less than this, shares of it in 1e9 much less


class Fleet:
    """The queries, each with the same further matchers (`cluster="eu"`), "" for none."""

    def __init__(self, match: str = "") -> None:
        self._match = match

    def soonest(self, most: int) -> str:
        """The running jobs that are full the soonest; then the fullest, then the largest."""
        eta = self._of("ebpftrace_job_memory_limit_eta_seconds")
        held = self._of("ebpftrace_job_memory_held_bytes")
        limit = self._of("ebpftrace_job_spec_memory_limit_bytes")
        running = f"{_ON} ({self._of('ebpftrace_job_running')} == 1)"
        order = f"{_AT_LIMIT:.0f} - {eta} or 1e9 * {held} / {limit} or {held} / 1e9"
        return f"topk({most}, ({order}) and {running})"

    def figures(self) -> str:
        """Sums over all nodes, each with a label `figure`."""
        agents = self._of("up", 'job="ebpftrace"')
        sums = {
            "jobs": f"count({self._of('ebpftrace_job_running')} == 1)",
            "nodes": f"count({self._of('ebpftrace_build_info')})",
            "total_bytes": f"sum({self._of('ebpftrace_node_memory_total_bytes')})",
            "available_bytes": f"sum({self._of('ebpftrace_node_memory_available_bytes')})",
            "oom_kills": f"sum({self._of('ebpftrace_node_oom_events_total')})",
            "unscraped": f"count({agents} == 0)",
        }
        return " or ".join(
            f'label_replace({what}, "figure", "{name}", "", "")' for name, what in sums.items()
        )

    def losses(self) -> str:
        """What the nodes lost within ten minutes, by its cause."""
        return f"sum by (cause) (increase({self._of('ebpftrace_losses_total')}[10m])) > 0"

    def jobs(self, jobs: Iterable[tuple[str, str]]) -> str:
        """All current values of these jobs; each is an instance and a job_key."""
        return self._of("", '__name__=~"ebpftrace_job_.+"', *_of_jobs(jobs))

    def curves(self, jobs: Iterable[tuple[str, str]]) -> str:
        """What these jobs held, over the last quarter of an hour."""
        held = self._of("ebpftrace_job_memory_held_bytes", *_of_jobs(jobs))
        return f"{held}[{CURVE_SECONDS}s]"

    def processes(self, jobs: Iterable[tuple[str, str]]) -> str:
        """All current values of the largest processes of these jobs."""
        where = _of_jobs(jobs)
        values = self._of("", '__name__=~"ebpftrace_process_memory_.+"', *where)
        resident = self._of("ebpftrace_process_memory_bytes", 'type!="swap"', *where)
        largest = f"topk by (instance, job_key) ({PROCESSES}, sum without (type) ({resident}))"
        return f"{values} and on (instance, job_key, pid) {largest}"

    def _of(self, metric: str, *matchers: str) -> str:
        return f"{metric}{{{','.join(one for one in (*matchers, self._match) if one)}}}"


def _of_jobs(jobs: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """Matchers of more than these jobs: of each of their keys on each of their nodes."""
    instances, keys = zip(*jobs, strict=True)
    return _any_of("instance", instances), _any_of("job_key", keys)


def _any_of(label: str, values: Iterable[str]) -> str:
    quoted = (
        "".join(f"\\{sign}" if sign in _SPECIAL else sign for sign in value)
        for value in sorted(set(values))
    )
    return f"{label}=~{json.dumps('|'.join(quoted), ensure_ascii=False)}"
