"""The text of a scrape: cached lines of jobs and processes, and the tool's own metrics."""

import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from ebpftrace.events import ProcessKey
from ebpftrace.job_shares import nodes_of
from ebpftrace.judge.finding import Finding
from ebpftrace.kubernetes.pod import Pod, place_of
from ebpftrace.ledger import JobSnapshot, JobState, ProcessSnapshot
from ebpftrace.service.cluster import NO_PODS
from ebpftrace.service.metrics.families import JOB_FAMILIES, PROCESS_FAMILIES
from ebpftrace.service.metrics.rows import Rows, escaped, job_rows, process_rows, series_of
from ebpftrace.service.metrics.shares import Demand, share_out
from ebpftrace.service.metrics.tool import PageFacts, ToolCollector
from ebpftrace.service.state import Published

_TOOL_SERIES = 200  # kept free for the tool's own
_PROCESS_SERIES = 7
_FRESH_SECONDS = 1.0
_GZIP_LEVEL = 1  # twice the bytes of the default in a fifth of its time
_GZIP = 16 + zlib.MAX_WBITS

Findings = tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _JobLines:
    job: JobSnapshot
    findings: Findings
    rows: Rows
    series: int
    pod: Pod | None


@dataclass(slots=True)
class _Made:
    """The pages of one `Published`, by content type and encoding."""

    published: Published
    seconds: float  # CLOCK_MONOTONIC
    pages: dict[tuple[str, bool], bytes] = field(default_factory=dict)


class MetricsPage:
    """Makes pages of at most `max_series` series; used by one thread."""

    def __init__(self, max_series: int) -> None:
        self._max_series = max_series
        self._jobs: dict[str, _JobLines] = {}
        self._processes: dict[ProcessKey, tuple[ProcessSnapshot, Rows]] = {}
        self._made: _Made | None = None
        self._took_seconds = 0.0

    def render(
        self, published: Published, accept: str, *, compress: bool, http: dict[str, int]
    ) -> tuple[str, bytes]:
        """The content type that `accept` asks for, and the page: the same one for all
        clients for a second, or until the engine publishes again. `http` are the server's
        counts of connections.
        """
        encode, content_type = choose_encoder(accept)
        now, made = time.monotonic(), self._made
        if (
            made is None
            or made.published is not published
            or now - made.seconds > _FRESH_SECONDS  # a loop that hangs publishes no more
        ):
            self._made = made = _Made(published, now)
        pages = made.pages
        if (content_type, compress) not in pages:
            began = time.thread_time()
            plain = pages.get((content_type, False))
            if plain is None:
                open_metrics = content_type.startswith("application/openmetrics-text")
                parts, facts = self._parts(published, open_metrics=open_metrics)
                tool: Collector = ToolCollector(published, facts, http)
                own = encode(tool)
                end = b"# EOF\n"
                own = own.removesuffix(end)
                text = "".join(parts).encode("utf-8", "replace")
                plain = b"".join((own, text, end if open_metrics else b""))
                pages[content_type, False] = plain
                self._took_seconds = time.thread_time() - began
            if compress:
                packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP)
                pages[content_type, True] = packer.compress(plain) + packer.flush()
        return content_type, pages[content_type, compress]

    def _parts(
        self, published: Published, *, open_metrics: bool
    ) -> tuple[list[str], PageFacts]:
        lines = self._job_lines(published)
        counts = share_out(
            [
                Demand(nodes_of(one.job.identity.cgroup), one.series, len(one.job.processes))
                for one in lines
            ],
            process_series=_PROCESS_SERIES,
            most=max(0, self._max_series - _TOOL_SERIES),
        )
        shares = [(one, count) for one, count in zip(lines, counts, strict=True)
                  if count is not None]  # fmt: skip
        shown = [one for one, _ in shares]
        processes = list(self._process_rows(shares))
        parts: list[str] = []
        for families, rows in (
            (JOB_FAMILIES, [one.rows for one in shown]),
            (PROCESS_FAMILIES, processes),
        ):
            for place, family in enumerate(families):
                parts.append(family.head(open_metrics=open_metrics))
                parts += [row[place] for row in rows]
        facts = PageFacts(
            max_series=self._max_series,
            series=sum(one.series for one in shown) + sum(map(series_of, processes)),
            jobs_left_out=len(lines) - len(shown),
            processes_left_out=sum(len(one.job.processes) for one in lines) - len(processes),
            seconds=self._took_seconds,
        )
        return parts, facts

    def _job_lines(self, published: Published) -> list[_JobLines]:
        """Of all jobs: those with findings first, then the largest, the ended ones last."""
        found: dict[str, list[Finding]] = {}
        for finding in published.findings.values():
            found.setdefault(finding.subject.job.key, []).append(finding)
        jobs: list[JobSnapshot] = []
        if published.snapshot is not None:
            jobs = [job for job in published.snapshot.jobs if job.state is JobState.RUNNING]
        running = {job.identity.key for job in jobs}
        pods = NO_PODS if published.cluster is None else published.cluster.pods
        ended = (one.job for key, one in published.ended.items() if key not in running)
        lines: dict[str, _JobLines] = {}
        for job in (*jobs, *ended):
            key = job.identity.key
            findings = tuple(found.get(key, ()))
            pod = pods.get(place_of(job.identity.given_path).uid) if pods else None
            known = self._jobs.get(key)
            same = known is not None and known.job is job and known.pod is pod
            if known is None or not same or known.findings != findings:
                rows = job_rows(job, findings, pod)
                known = _JobLines(job, findings, rows, series_of(rows), pod)
            lines[key] = known
        self._jobs = lines
        return sorted(lines.values(), key=lambda one: not one.findings)  # stable

    def _process_rows(self, shares: list[tuple[_JobLines, int]]) -> Iterator[Rows]:
        """So many of each job.

        Two with one pid, of which one has just ended, would be the same series twice.
        """
        before, kept = self._processes, {}
        pids: set[int] = set()
        for line, most in shares:
            key = escaped(line.job.identity.key)
            for process in line.job.processes[:most]:
                if process.pid in pids:
                    continue
                pids.add(process.pid)
                known = before.get(process.key)
                if known is None or known[0] is not process:
                    known = (process, process_rows(process, key))
                kept[process.key] = known
                yield known[1]
        self._processes = kept
