"""Scripted scenes for the tests of the dashboard: jobs with a past, events, a fixed clock."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from ebpftrace.judge.finding import Subject
from ebpftrace.ledger import Curve, JobSnapshot, Node, Note, ProcessSnapshot, Snapshot
from ebpftrace.ledger.curve import CurveKeeper
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from ebpftrace.views.dashboard.model.rows import rows
from ebpftrace.views.dashboard.model.screen_data import ScreenData
from ebpftrace.views.dashboard.model.state import DashboardState
from ebpftrace.views.dashboard.render.draw import Frame, draw
from ebpftrace.views.dashboard.render.theme import Theme, make_theme
from ebpftrace.views.entries import Entry
from tests.support import watches

NODE = Node(16 * GIB, 5 * GIB)
NOTES: tuple[Note, ...] = (
    watches.process_note(),
    watches.process_note("exit", exit_code=0, signal=9),
    watches.oom_note(),
    watches.stall_note(),
    watches.loss_note(),
)
PLAIN = make_theme(None)


def curve(held: Callable[[int], float], seconds: int = 900) -> Curve:
    """What a curve is after that many seconds in each of which `held(second)` was noted."""
    keeper = CurveKeeper()
    for second in range(seconds + 1):
        at = watches.MONOTONIC_NS - (seconds - second) * NS_PER_SECOND
        keeper.add(at, int(held(second)))
    return keeper.curve()


def leak() -> Curve:
    return curve(lambda second: (200 + second * 1.6) * MIB)


def sawtooth() -> Curve:
    return curve(lambda second: (300 + second % 100 * 2.4) * MIB)


def flat(held: int) -> Curve:
    return curve(lambda _: held)


def process(pid: int, resident: int, past: Curve, **changes: object) -> ProcessSnapshot:
    return replace(watches.process(pid, resident, **changes), curve=past)  # type: ignore[arg-type]


def job(
    name: str, processes: Sequence[ProcessSnapshot], past: Curve, **changes: object
) -> JobSnapshot:
    return replace(watches.job(name, processes, **changes), curve=past)  # type: ignore[arg-type]


def snapshot(*jobs: JobSnapshot, losses: dict[str, int] | None = None) -> Snapshot:
    ordered = sorted(jobs, key=lambda one: -one.usage.resident_bytes)
    return watches.snapshot(*ordered, losses=losses)._replace(node=NODE)


def leaking_job() -> JobSnapshot:
    go_list = ("go", "list", "-deps", "./...")
    return job(
        "acme/search#903",
        [
            process(4711, 1640 * MIB, leak(), per_second=2 * MIB),
            process(4790, 96 * MIB, flat(80 * MIB), comm="go", args=go_list),
        ],
        leak(),
        kind="buildkite",
        per_second=2 * MIB,
        seconds_to_limit=130.0,
        stalled_ns=120_000_000,
    )


def steady_job() -> JobSnapshot:
    past = flat(700 * MIB)
    return job("steady", [process(6711, 700 * MIB, past)], past, limit=None)


def strange_job() -> JobSnapshot:
    past = sawtooth()
    odd = process(5711, 540 * MIB, past, comm="[/]\\x1b[2J", args=("表", "🚀" * 40))
    return job("[bold]日本語ジョブ🚀[/]", [odd], past, kind="gitlab", limit=GIB)


def near_job() -> JobSnapshot:
    past = flat(1950 * MIB)
    return job(
        "near",
        [process(7711, 2000 * MIB, past, per_second=30 * MIB)],
        past,
        per_second=30 * MIB,
        seconds_to_limit=1.5,
    )


def killed_job() -> JobSnapshot:
    past = curve(lambda second: 30 * MIB if second > 890 else 190 * MIB)
    return job("killed", [process(8711, 30 * MIB, past)], past, limit=200 * MIB, oom_kills=2)


def several() -> Snapshot:
    return snapshot(leaking_job(), steady_job(), strange_job(), near_job(), killed_job())


def many(jobs: int = 200, each: int = 10) -> Snapshot:
    """2,000 processes in 200 jobs, by default."""
    past = leak()
    return snapshot(
        *(
            job(
                f"team/job-{number}",
                [
                    process(number * 100 + one, (number + 1) * MIB, past, per_second=one * MIB)
                    for one in range(each)
                ],
                past,
                per_second=number * MIB,
                seconds_to_limit=float(jobs * 100 - number),
            )
            for number in range(jobs)
        )
    )


def screen(shown: Snapshot | None, notes: Sequence[Entry] = NOTES) -> ScreenData:
    """With the kill that the scripted job `killed` says it had, two seconds ago."""
    ago = 2 * NS_PER_SECOND
    kill = watches.oom_note(monotonic_ns=watches.MONOTONIC_NS - ago)._replace(
        job=watches.identity("killed"),
    )
    finding = watches.finding(
        detector="leak",
        subject=Subject(watches.identity("acme/search#903", "buildkite")),
        since_ns=watches.MONOTONIC_NS - 130 * NS_PER_SECOND,
    )
    findings = {finding.subject.job.key: (finding,)}
    kills = {kill.job.key: kill}
    return ScreenData(watches.started(), shown, notes, findings=findings, kills=kills)


def frozen() -> ScreenData:
    """The leaking job, whose gopls stands at its fuse for 12 s."""
    leaking = leaking_job()
    news = watches.fuse_event(
        job=leaking.identity,
        process=leaking.processes[0].key,
        monotonic_ns=watches.MONOTONIC_NS - 12 * NS_PER_SECOND,
    )
    shown = screen(snapshot(leaking, steady_job(), near_job()), (*NOTES, news))
    return replace(shown, stopped={news.process: news})


def drawn(
    state: DashboardState, shown: ScreenData, width: int, height: int, look: Theme = PLAIN
) -> Frame:
    """A frame, with the rows the state asks for."""
    listed = [] if shown.snapshot is None else rows(shown.snapshot, state)
    return draw(state, shown, listed, width, height, look)
