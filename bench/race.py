"""Whether a process that grows as fast as it can is stopped before its limit."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.beside import every_cpu_busy, shell_guard
from bench.figures import Row, Table
from bench.observers import ebpftrace, running
from bench.paused_ladder import COMM, PausedLadder
from bench.races import (
    HUGE,
    LIMIT,
    TEN_PERCENT_LEFT,
    Result,
    race,
    racer,
)
from bench.scale import Scale
from ebpftrace.units import MIB
from tests.support.cgroups import MemoryCgroup

Races = Callable[..., Result]
"""`race` under one guard, which may guard many races."""

Watching = Callable[[Path, int], AbstractContextManager[Races]]
"""Starts a guard, with a temporary folder and the bound in bytes."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How the racer grows (racer.c), what stops it, and at which bound in bytes."""

    label: str
    how: str
    watching: Watching
    bound: int = TEN_PERCENT_LEFT
    flooded: bool = False


def watched(policy: str) -> Watching:
    """`ebpftrace watch` with this policy.

    Its placeholders: `{bound}`; `{pause}`, a command that waits until the racers have been
    measured, and `{end}`, one that ends the process; `{folder}`, a temporary folder.
    """

    @contextmanager
    def watching(folder: Path, bound: int) -> Iterator[Races]:
        ladder = PausedLadder(folder)
        file = folder / "policy.toml"
        commands = {"pause": _words(ladder.command), "end": _words([str(racer()), "end"])}
        file.write_text(_ALWAYS + policy.format(bound=bound, folder=folder, **commands))
        audit = ("--audit", str(folder / "audit.jsonl"))
        with running(ebpftrace("ebpftrace", "--comm", COMM, "--config", str(file), *audit)):
            yield lambda how, **more: race(how, ladder=ladder, **more)

    return watching


def _words(argv: list[str]) -> str:
    return ", ".join(f'"{word}"' for word in argv)


_ALWAYS = """\
[[policy]]
name = "race"
grace = "0s"
cooldown = "0s"
budget = { restarts = 1000000, window = "10m" }
"""

_FUSE = """\
capture = false
fuse = {{ bound = {bound} }}
then = [{{ action = "exec", command = [{pause}] }}]
"""

_FUSE_KILL = """\
capture = false
fuse = {{ bound = {bound}, action = "kill" }}
"""

_HOOK = """\
capture = false
when = [{{ detector = "level", bound = {bound} }}]
then = [{{ action = "exec", command = [{end}] }}]
"""


def _guards(seconds: str) -> Watching:
    """A shell for each race, which polls this often and sends the signal itself."""

    @contextmanager
    def watching(_folder: Path, bound: int) -> Iterator[Races]:
        def guarding(cgroup: MemoryCgroup, pid: int) -> AbstractContextManager[object]:
            return shell_guard(cgroup, bound, seconds, "kill", "-KILL", str(pid))

        yield lambda how, **more: race(how, guarding=guarding, **more)

    return watching


_FUSED, _HOOKED = "ebpftrace with a fuse", "ebpftrace, a hook alone"
_TUNED, _SLOW = "shell guard, every 10 ms", "shell guard, once a second"


def _all_guards(how: str) -> tuple[Condition, ...]:
    return (
        Condition(_FUSED, how, watched(_FUSE)),
        Condition(_HOOKED, how, watched(_HOOK)),
        Condition(_TUNED, how, _guards("0.01")),
        Condition(_SLOW, how, _guards("1")),
    )


_WAYS = (
    Condition("bound at half of the limit", "touch", watched(_FUSE), LIMIT // 2),
    Condition("16 threads", "threads", watched(_FUSE)),
    Condition("16 children at once", "children", watched(_FUSE)),
    Condition("forks as it grows", "forks", watched(_FUSE)),
    Condition("shared memory", "shmem", watched(_FUSE)),
    Condition("page cache filled beside it", "touch", watched(_FUSE), flooded=True),
    Condition("one call: MAP_POPULATE", "populate", watched(_FUSE)),
    Condition('… with action = "kill"', "populate", watched(_FUSE_KILL)),
    Condition("one call: mlock", "mlock", watched(_FUSE)),
    Condition('… with action = "kill"', "mlock", watched(_FUSE_KILL)),
    Condition("one call: write to tmpfs", "tmpfs", watched(_FUSE)),
)


def measure(scale: Scale) -> Iterator[Table]:
    """Every condition in turn, round by round; the overshoot is of races that were won."""
    left = f"limit {LIMIT // MIB} MiB, bound {TEN_PERCENT_LEFT // MIB} MiB"
    results = _rounds(_all_guards("touch"), scale.race_rounds, scale.races)
    yield _table("race", f"MiB beyond the bound, of one thread that grows; {left}", results)
    results = _rounds(_all_guards("huge"), scale.race_rounds, scale.huge_races)
    yield _table("race-huge", f"the same, on pages of {HUGE // MIB} MiB", results)
    with every_cpu_busy():
        results = _rounds(_all_guards("touch"), scale.race_rounds, scale.other_races)
    yield _table("race-busy", "the same as `race`, with every CPU busy", results)
    results = _rounds(_WAYS, scale.race_rounds, scale.other_races)
    yield _table("race-fuse", "a fuse, and other ways to grow", results)


def _rounds(
    conditions: tuple[Condition, ...], rounds: int, races: int
) -> dict[Condition, list[Result]]:
    results: dict[Condition, list[Result]] = {one: [] for one in conditions}
    for number in range(rounds):
        for one in conditions if number % 2 == 0 else conditions[::-1]:
            with ExitStack() as stack:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ebpftrace-"))
                run = stack.enter_context(one.watching(Path(folder), one.bound))
                results[one] += (run(one.how, flooded=one.flooded) for _ in range(races))
    return results


def _table(bench: str, title: str, results: dict[Condition, list[Result]]) -> Table:
    races = [result for taken in results.values() for result in taken]
    lost = sum(not result.saved for result in races)
    kills = sum(result.oom_kills > 0 for result in races)
    return Table(
        bench,
        title,
        "MiB",
        tuple(_row(one, taken) for one, taken in results.items()),
        score="saved",
        footnotes=(
            f"of {len(races)} races {lost} were lost, {kills} of them to the OOM killer",
        ),
    )


def _row(one: Condition, taken: list[Result]) -> Row:
    """The overshoot of races that were won; a process ended below the bound has none."""
    won = [result for result in taken if result.saved]
    score = f"{len(won)}/{len(taken)}"
    peaks = (result.peak for result in won if result.peak is not None)
    beyond = tuple(max(0, peak - one.bound) / MIB for peak in peaks)
    remark = "" if beyond else f"saved {score}"
    return Row(one.label, beyond, remark, score)
