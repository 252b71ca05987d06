"""Findings as lines of text, and what a view keeps of them until the watch ends."""

from collections.abc import Iterable

from ebpftrace.judge.finding import Finding, FindingState, Severity
from ebpftrace.ledger import OomNote
from ebpftrace.views import formatting
from ebpftrace.views.text_lines import WIDTH, line, wrapped_lines

_MAX_KEPT = 256  # findings kept for the summary, and jobs whose last kill is kept
_MAX_LINES = 10  # of the summary


class FindingLog:
    """The worst finding per key, the findings active now, and each job's last oom kill."""

    def __init__(self) -> None:
        self._worst: dict[object, Finding] = {}
        self._active: dict[object, Finding] = {}
        self._kills: dict[str, OomNote] = {}

    def add_kill(self, kill: OomNote) -> None:
        """Record an oom kill."""
        self._kills.pop(kill.job.key, None)
        self._kills[kill.job.key] = kill
        if len(self._kills) > _MAX_KEPT:
            del self._kills[next(iter(self._kills))]

    def add(self, finding: Finding) -> None:
        """Record a finding that began, became more severe, or ended."""
        if finding.state is FindingState.END:
            self._active.pop(finding.key, None)
            return
        self._active[finding.key] = finding
        known = self._worst.get(finding.key)
        if known is None or finding.severity > known.severity:
            self._worst[finding.key] = finding
            if len(self._worst) > _MAX_KEPT:
                least = min(self._worst, key=lambda key: self._worst[key].severity)
                del self._worst[least]

    def active(self) -> dict[str, list[Finding]]:
        """The active findings by job key, the most severe first, then the oldest."""
        by_job: dict[str, list[Finding]] = {}
        for finding in sorted(self._active.values(), key=lambda f: (-f.severity, f.since_ns)):
            by_job.setdefault(finding.subject.job.key, []).append(finding)
        return by_job

    def kills(self) -> dict[str, OomNote]:
        """The last oom kill by job key."""
        return dict(self._kills)

    def above_notice(self) -> list[Finding]:
        """All warnings and critical findings, the worst first, then by time."""
        found = [one for one in self._worst.values() if one.severity > Severity.NOTICE]
        return sorted(found, key=lambda finding: (-finding.severity, finding.monotonic_ns))


def finding_line(finding: Finding, width: int = WIDTH) -> str:
    """One line, cut to `width` columns."""
    return line("finding", f"{_head(finding)} {finding.sentence}", width)


def finding_lines(finding: Finding, width: int = WIDTH) -> list[str]:
    """The whole sentence, wrapped to `width` columns."""
    return wrapped_lines("finding", f"{_head(finding)} {finding.sentence}", width)


def finding_summary_lines(found: Iterable[Finding], width: int = WIDTH) -> list[str]:
    """The findings of a whole watch for its summary: one line each, ten at most."""
    findings = list(found)
    lines = [finding_line(finding, width) for finding in findings[:_MAX_LINES]]
    rest = len(findings) - len(lines)
    if rest:
        lines.append(line("finding", f"… and {rest:,} more", width))
    return lines


def _head(finding: Finding) -> str:
    state = " ended:" if finding.state is FindingState.END else ":"
    severity = finding.severity.name.lower()
    return f"{formatting.clock(finding.time_ns)} {severity} {finding.detector}{state}"
