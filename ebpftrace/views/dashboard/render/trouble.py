"""What is wrong with a job: the danger it is in now, since when, and who was killed in it."""

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
from ebpftrace.views.level import level

RECENT_NS = 60 * NS_PER_SECOND
"""For so long an oom kill is trouble by itself; its mark stays as long as its job."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One job's. `fresh`: a process of it was oom-killed within the last minute."""

    danger: str  # "frozen" (a process of it stands), "near", "raised", or "calm"
    frozen: Sequence[FuseEvent]  # those who stand, the first that was stopped first
    finding: Finding | None  # the most severe in force that is no kill
    finding_since: str  # time of day, UTC
    kills: int
    last_kill: str  # time of day, UTC; empty where nobody told of it
    victim: str
    fresh: bool

    @property
    def pressing(self) -> bool:
        """Whether it belongs to the top of the screen."""
        return self.danger != "calm" or self.fresh

    def signs(self, theme: Theme) -> list[tuple[str, Style]]:
        """Its signs, the present danger first: none, one or both."""
        told = []
        if self.danger != "calm":
            signs = theme.signs
            sign = {"frozen": signs.frozen, "near": signs.near}.get(self.danger, signs.raised)
            told.append((sign, theme.level(self.danger)))
        if self.kills:
            told.append((theme.signs.killed, theme.alarm if self.fresh else theme.faint))
        return told


def trouble_of(job: JobSnapshot, screen: ScreenData) -> Trouble:
    """What is known of it at the time of the screen's snapshot."""
    key = job.identity.key
    said = screen.findings.get(key, ())
    finding = next((one for one in said if one.unit is not FindingUnit.KILLS), None)
    kill = next((one for one in said if one.unit is FindingUnit.KILLS), None)
    note = screen.kills.get(key)
    # The cgroup's counter may tell of a kill that no event did: then the judge alone has
    # the time of it.
    told = [one for one in (note and note.monotonic_ns, kill and kill.since_ns) if one]
    last = max(told, default=None)
    now = screen.snapshot.monotonic_ns if screen.snapshot is not None else 0
    frozen = stopped_in_job(job, screen.stopped)
    return Trouble(
        danger="frozen" if frozen else _danger(job, finding),
        frozen=frozen,
        finding=finding,
        finding_since=clock_at(finding.since_ns, screen) if finding else "",
        kills=job.oom_kills,
        last_kill=clock_at(last, screen) if last is not None else "",
        victim=_victim(note),
        fresh=bool(job.oom_kills) and last is not None and now - last <= RECENT_NS,
    )


def short_name(finding: Finding) -> str:
    """`leak`, `growth`, `time to limit`: the detector without its bounds."""
    return finding.detector.partition(":")[0].replace("_", " ")


def holder(job: JobSnapshot, finding: Finding | None) -> str:
    """`gopls 4711`: whom the finding is about, else who holds most of the job."""
    if finding is not None and finding.subject.process is not None:
        return f"{finding.subject.comm} {finding.subject.process.pid}"
    if not job.processes:
        return ""
    largest = max(job.processes, key=lambda one: one.own.held_bytes)
    return f"{largest.comm} {largest.pid}"


def _danger(job: JobSnapshot, finding: Finding | None) -> str:
    """The worse of what was found and how full it is."""
    full = level(job)
    if full == "near" or (finding and finding.severity is Severity.CRITICAL):
        return "near"
    return "raised" if finding and finding.severity is Severity.WARNING else full


def _victim(note: OomNote | None) -> str:
    return f"{note.comm} {note.key.pid}" if note else ""


def clock_at(monotonic_ns: int, screen: ScreenData) -> str:
    """The time of day of a moment, by the snapshot's own."""
    if screen.snapshot is None:
        return ""
    shown = screen.snapshot
    return formatting.clock(shown.time_ns - (shown.monotonic_ns - monotonic_ns)).rstrip("Z")
