"""What was found: in lines, and what a view keeps of it until the watch ends."""

import textwrap
from collections.abc import Iterable

from ebpftrace.judge.finding import Finding, FindingState, Severity
from ebpftrace.ledger import OomNote
from ebpftrace.views import phrases
from ebpftrace.views.cells import cells
from ebpftrace.views.lines import WIDTH, line

FINDING_STYLE = {
    Severity.NOTICE: "",
    Severity.WARNING: "yellow",
    Severity.CRITICAL: "bold red",
}

_MOST = 256  # findings that are remembered until the end, and jobs for their last kill
_MOST_LINES = 10  # and told then


class FindingLog:
    """The worst that was said under each key, what is in force now, and each last kill."""

    def __init__(self) -> None:
        self._worst: dict[object, Finding] = {}
        self._active: dict[object, Finding] = {}
        self._kills: dict[str, OomNote] = {}

    def hear(self, kill: OomNote) -> None:
        """Note an oom kill."""
        self._kills.pop(kill.job.key, None)
        self._kills[kill.job.key] = kill
        if len(self._kills) > _MOST:
            del self._kills[next(iter(self._kills))]

    def add(self, finding: Finding) -> None:
        """Note what the judge said."""
        if finding.state is FindingState.END:
            self._active.pop(finding.key, None)
            return
        self._active[finding.key] = finding
        known = self._worst.get(finding.key)
        if known is None or finding.severity > known.severity:
            self._worst[finding.key] = finding
            if len(self._worst) > _MOST:
                least = min(self._worst, key=lambda key: self._worst[key].severity)
                del self._worst[least]

    def in_force(self) -> dict[str, list[Finding]]:
        """For each job's key its findings, the most severe first, then the oldest."""
        found: dict[str, list[Finding]] = {}
        for one in sorted(self._active.values(), key=lambda one: (-one.severity, one.since_ns)):
            found.setdefault(one.subject.job.key, []).append(one)
        return found

    def kills(self) -> dict[str, OomNote]:
        """For each job's key the last oom kill that was heard of."""
        return dict(self._kills)

    def loud(self) -> list[Finding]:
        """All that was more than a notice, the worst first, then in order of time."""
        found = [one for one in self._worst.values() if one.severity > Severity.NOTICE]
        return sorted(found, key=lambda one: (-one.severity, one.monotonic_ns))


def finding_line(finding: Finding, width: int = WIDTH) -> str:
    """What was found, in one line that is cut."""
    return line("finding", f"{_head(finding)} {finding.sentence}", width)


def finding_lines(finding: Finding, width: int = WIDTH) -> list[str]:
    """The whole sentence, wrapped: it is what one reads a log for."""
    told = f"{_head(finding)} {finding.sentence}"
    if cells(line("finding", told, 10**6)) <= width:
        return [line("finding", told, width)]
    return textwrap.wrap(
        told,
        width,
        initial_indent=line("finding", "", width),
        subsequent_indent=line("", "", width),
        break_on_hyphens=False,
    )


def found_lines(found: Iterable[Finding], width: int = WIDTH) -> list[str]:
    """What was found in all, for the summary: one line each, ten at most."""
    findings = list(found)
    lines = [finding_line(one, width) for one in findings[:_MOST_LINES]]
    rest = len(findings) - len(lines)
    if rest:
        lines.append(line("finding", f"… and {rest:,} more", width))
    return lines


def _head(finding: Finding) -> str:
    state = " over:" if finding.state is FindingState.END else ":"
    severity = finding.severity.name.lower()
    return f"{phrases.clock(finding.time_ns)} {severity} {finding.detector}{state}"
