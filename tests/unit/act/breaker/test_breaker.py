"""The breaker between findings and ladders: whom it takes on, and whom it holds back.

The process it acts on is a real one; the books it reads are written here, and its one
action only notes that it was started.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.actions.support.running import Running, over
from ebpftrace.act.audit.budget import Moment
from ebpftrace.act.audit.log import AuditLog
from ebpftrace.act.audit.reader import AuditReader
from ebpftrace.act.breaker.breaker import Breaker
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import BreakerEvent, Outcome, StepOutcome, StepStatus
from ebpftrace.act.policy.policy import Budget, Match, Mode, Policy, Step
from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import ProcessSnapshot, Snapshot
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support import watches
from tests.support.conditions import condition, level
from tests.support.incidents import key_of, sleeping

S = NS_PER_SECOND


@dataclass
class Books:
    """A breaker, the process it may act on, and the clock of both."""

    pid: int
    audit: Path
    policies: tuple[Policy, ...]
    past: tuple[dict[str, Any], ...] = ()
    now_ns: int = 0
    started: list[Incident] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.breaker = Breaker(
            self.policies,
            AuditLog(self.audit),
            folder=lambda _path: None,
            past=self.past,
            actions={"signal": replace(ACTIONS["signal"], start=self.start)},
            moment=lambda: Moment(self.now_ns, self.now_ns, "boot"),
            clock=lambda: self.now_ns,
        )

    def start(self, incident: Incident, _options: Any) -> Running:
        self.started.append(incident)
        return over(StepStatus.DONE, "noted")

    def process(self, mib: int, **changes: Any) -> ProcessSnapshot:
        held = watches.counters(mib * MIB)
        usage = replace(held.usage, anon_bytes=mib * MIB, file_bytes=0)
        made = watches.process(self.pid, book=replace(held, usage=usage))
        return replace(made, key=key_of(self.pid), age_ns=100 * S, **changes)

    def see(
        self,
        seconds: float,
        *there: ProcessSnapshot,
        job: str = "build-42",
        restart_key: str = "",
    ) -> list[BreakerEvent]:
        self.now_ns = round(seconds * S)
        one = watches.job(job, there, limit=None)
        one = replace(one, identity=replace(one.identity, restart_key=restart_key))
        books = watches.snapshot(one)
        snapshot: Snapshot = replace(books, monotonic_ns=self.now_ns)
        return list(self.breaker.handle_snapshot((), snapshot))

    def suppressed(self) -> list[str]:
        return [one["reason"] for one in self.logged() if one["type"] == "suppressed"]

    def logged(self) -> list[dict[str, Any]]:
        return list(AuditReader(self.audit).records())


def policy(**changes: Any) -> Policy:
    made = Policy(
        "p", Match(), (level(300 * MIB),), Mode.ANY,
        (Step("signal", S, None),), cooldown_ns=60 * S, grace_ns=10 * S,
    )  # fmt: skip
    return replace(made, **changes)


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    with sleeping(tmp_path) as pid:
        made = Books(pid, tmp_path / "audit.jsonl", (policy(),))
        yield made
        made.breaker.close()


def kinds(words: list[BreakerEvent]) -> list[str]:
    return [type(word).__name__ for word in words]


def test_a_bound_that_is_met_begins_an_incident(books: Books) -> None:
    assert books.see(0, books.process(200)) == []
    words = books.see(1, books.process(400))
    assert kinds(words) == ["Finding", "StepOutcome"]
    (incident,) = books.started
    assert incident.target.key.pid == books.pid
    assert incident.job_held_bytes == 400 * MIB
    assert books.see(2, books.process(400)) == []  # one incident at a time
    words = books.see(8, books.process(100))
    assert kinds(words) == ["Outcome", "Finding"]
    assert isinstance(words[0], Outcome)
    assert words[0].helped
    assert words[0].freed_bytes == 300 * MIB


def test_a_job_rests_after_an_incident(books: Books) -> None:
    books.see(0, books.process(400))
    books.see(6, books.process(100))
    assert books.see(30, books.process(400)) == []
    assert books.suppressed() == ["the job is in its cool-down"]
    assert kinds(books.see(70, books.process(400)))[:2] == ["Finding", "StepOutcome"]


def test_the_budget_is_per_job(books: Books) -> None:
    books.breaker.reload([policy(budget=Budget(1, 1000 * S), cooldown_ns=0)])
    books.see(0, books.process(400))
    books.see(6, books.process(100))
    words = books.see(20, books.process(400))
    step = next(word for word in words if isinstance(word, StepOutcome))
    assert step.status is StepStatus.SKIPPED
    assert "budget spent" in step.detail
    assert len(books.started) == 1
    assert kinds(books.see(30, books.process(400), job="another"))[:2] == [
        "Finding", "StepOutcome",
    ]  # fmt: skip
    assert len(books.started) == 2


def test_a_reload_keeps_cool_down_and_budget(books: Books) -> None:
    books.see(0, books.process(400))
    books.see(6, books.process(100))
    books.breaker.reload([policy(name="renamed")])
    assert books.see(30, books.process(400)) == []


def test_who_is_left_alone_is_written_down(books: Books) -> None:
    assert books.see(0, replace(books.process(400), age_ns=5 * S)) == []
    (why,) = books.suppressed()
    assert "is younger than the grace period" in why


def test_the_first_policy_that_matches_takes_it(books: Books) -> None:
    mine = policy(name="mine", match=Match(comms=("gopls",)), when=(condition("oom"),))
    books.breaker.reload([mine, policy(name="all")])
    assert books.see(0, books.process(400)) == []


def test_the_budget_is_read_back_after_a_restart(books: Books, tmp_path: Path) -> None:
    books.breaker.reload([policy(budget=Budget(1, 1000 * S))])
    books.see(0, books.process(400))
    books.see(6, books.process(100))
    past = tuple(books.logged())
    later = Books(
        books.pid, tmp_path / "other.jsonl",
        (policy(budget=Budget(1, 1000 * S), cooldown_ns=S),), past,
    )  # fmt: skip
    later.see(20, later.process(400))
    assert later.started == []
    later.breaker.close()


def test_a_cgroup_made_anew_has_no_budget_of_its_own(books: Books, tmp_path: Path) -> None:
    """As `docker restart` makes it: another cgroup, so another job in the books."""
    once = policy(budget=Budget(1, 1000 * S), cooldown_ns=0)
    books.breaker.reload([once])
    books.see(0, books.process(400), restart_key="docker:/docker/1")
    books.see(5, books.process(400), job="again", restart_key="docker:/docker/1")
    assert books.suppressed() == ["the incident of the job's previous cgroup has not ended"]
    books.see(6, books.process(100), restart_key="docker:/docker/1")
    words = books.see(90, books.process(400), job="again", restart_key="docker:/docker/1")
    assert any(
        isinstance(word, StepOutcome) and "budget spent" in word.detail for word in words
    )
    past = tuple(books.logged())
    later = Books(books.pid, tmp_path / "other.jsonl", (once,), past)
    later.see(120, later.process(400), job="third", restart_key="docker:/docker/1")
    assert later.started == []
    later.see(150, later.process(400), job="fourth", restart_key="docker:/docker/2")
    assert len(later.started) == 1
    later.breaker.close()


def test_closed_it_ends_what_runs_and_syncs(books: Books) -> None:
    books.see(0, books.process(400))
    words = books.breaker.close("interrupted")
    assert kinds(list(words)) == ["Outcome", "Finding"]
    assert books.breaker.close() == ()
    last = json.loads(books.audit.read_text().splitlines()[-1])
    assert last["type"] == "outcome"
    assert "interrupted" in last["sentence"]


def test_what_the_built_in_judgement_found_is_not_told_again(books: Books) -> None:
    books.breaker.reload([policy(when=(condition("builtin"),))])
    found = replace(watches.finding(), detector="thrash", monotonic_ns=S)
    books.now_ns = S
    snapshot = watches.snapshot(watches.job(processes=(books.process(400),), limit=None))
    words = books.breaker.handle_snapshot((found,), replace(snapshot, monotonic_ns=S))
    assert not any(isinstance(word, Finding) for word in words)
    assert len(books.started) == 1
