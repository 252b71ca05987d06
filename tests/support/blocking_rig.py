"""A scripted watch whose waits end the stretches of a BlockingGuard."""

import select
from pathlib import Path

from ebpftrace.act.policy.policy import Match, Mode, Policy, Step
from ebpftrace.events import ProcessKey
from ebpftrace.units import MIB
from tests.support.blocking import BlockingGuard
from tests.support.conditions import level
from tests.support.scripted_watch import ScriptedWatch


def resting(scripted: ScriptedWatch, guard: BlockingGuard) -> ScriptedWatch:
    """Each wait of the engine ends a stretch of the guard."""
    poll = scripted.time.poll

    def rest(epoll: select.epoll, seconds: float | None) -> list[tuple[int, int]]:
        guard.rest()
        return poll(epoll, seconds)

    scripted.time.poll = rest  # type: ignore[method-assign]
    return scripted


def acting(
    folder: Path, guard: BlockingGuard, sleeper: ProcessKey, *steps: Step
) -> ScriptedWatch:
    """A watch that takes these steps after one and a half seconds."""
    policy = Policy("slow", Match(), (level(64 * MIB),), Mode.ANY, steps, grace_ns=0)
    scripted = resting(ScriptedWatch(folder, policies=(policy,)), guard)
    scripted.start(sleeper)
    scripted.at(1.5, lambda: scripted.breach(sleeper, 100))
    return scripted
