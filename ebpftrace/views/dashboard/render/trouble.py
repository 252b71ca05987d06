"""What is wrong with a job: its danger, the worst finding, and the last oom kill."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.style import Style

from ebpftrace.act.fuse.events import FuseEvent
from ebpftrace.judge.finding import Finding, FindingUnit, Severity
from ebpftrace.ledger import JobSnapshot, OomNote
from ebpftrace.units import NS_PER_SECOND
from ebpftrace.views import formatting
from ebpftrace.views.dashboard.model.frozen import stopped_in_job
from ebpftrace.views.dashboard.model.screen_data import ScreenData
from ebpftrace.views.dashboard.render.theme import Theme
from ebpftrace.views.level import Danger, level

RECENT_NS = 60 * NS_PER_SECOND
"""How long an oom kill counts as trouble; its mark in the list stays longer."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """The trouble of one job. `recent` is true for a minute after an oom kill."""

    danger: Danger
    frozen: Sequence[FuseEvent]  # its stopped processes, the earliest stop first
    finding: Finding | None  # the most severe active one that is not an oom kill
    finding_since: str  # time of day, UTC
    kills: int
    last_kill: str  # time of day, UTC; empty if unknown
    victim: str
    recent: bool

    @property
    def urgent(self) -> bool:
        """Whether it is shown at the top of the screen."""
        return self.danger is not Danger.CALM or self.recent

    def signs(self, theme: Theme) -> list[tuple[str, Style]]:
        """The signs of its danger and of its oom kills; none, one or both."""
        shown = []
        if self.danger is not Danger.CALM:
            signs = theme.signs
            sign = {Danger.FROZEN: signs.frozen, Danger.NEAR: signs.near}.get(
                self.danger, signs.raised
            )
            shown.append((sign, theme.level(self.danger)))
        if self.kills:
            shown.append((theme.signs.killed, theme.alarm if self.recent else theme.faint))
        return shown


def trouble_of(job: JobSnapshot, screen: ScreenData) -> Trouble:
    """The trouble of a job at the time of the screen's snapshot."""
    key = job.identity.key
    found = screen.findings.get(key, ())
    finding = next((one for one in found if one.unit is not FindingUnit.KILLS), None)
    kill = next((one for one in found if one.unit is FindingUnit.KILLS), None)
    note = screen.kills.get(key)
    # Of a kill that only the cgroup's counter reported, just the finding has the time.
    times = [at for at in (note and note.monotonic_ns, kill and kill.since_ns) if at]
    last = max(times, default=None)
    now = screen.snapshot.monotonic_ns if screen.snapshot is not None else 0
    frozen = stopped_in_job(job, screen.stopped)
    return Trouble(
        danger=Danger.FROZEN if frozen else _danger(job, finding),
        frozen=frozen,
        finding=finding,
        finding_since=clock_at(finding.since_ns, screen) if finding else "",
        kills=job.oom_kills,
        last_kill=clock_at(last, screen) if last is not None else "",
        victim=_victim(note),
        recent=bool(job.oom_kills) and last is not None and now - last <= RECENT_NS,
    )


def short_name(finding: Finding) -> str:
    """`leak`, `growth`, `time to limit`: the detector without its bounds."""
    return finding.detector.partition(":")[0].replace("_", " ")


def holder(job: JobSnapshot, finding: Finding | None) -> str:
    """`gopls 4711`: the process of the finding, else the largest of the job."""
    if finding is not None and finding.subject.process is not None:
        return f"{finding.subject.comm} {finding.subject.process.pid}"
    if not job.processes:
        return ""
    largest = max(job.processes, key=lambda process: process.own.held_bytes)
    return f"{largest.comm} {largest.pid}"


def _danger(job: JobSnapshot, finding: Finding | None) -> Danger:
    """The worse of its finding and how full it is."""
    full = level(job)
    if full is Danger.NEAR or (finding and finding.severity is Severity.CRITICAL):
        return Danger.NEAR
    return Danger.RAISED if finding and finding.severity is Severity.WARNING else full


def _victim(note: OomNote | None) -> str:
    return f"{note.comm} {note.key.pid}" if note else ""


def clock_at(monotonic_ns: int, screen: ScreenData) -> str:
    """The time of day (UTC) of a CLOCK_MONOTONIC time, by the snapshot's clocks."""
    if screen.snapshot is None:
        return ""
    shown = screen.snapshot
    return formatting.clock(shown.time_ns - (shown.monotonic_ns - monotonic_ns)).rstrip("Z")
