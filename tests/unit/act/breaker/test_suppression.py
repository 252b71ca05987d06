"""What is written of a condition that is met at every snapshot."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from ebpftrace.act.breaker.suppression import SuppressionLog
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.act.trigger.trigger import Firing
from ebpftrace.units import NS_PER_SECOND
from tests.support import watches


@dataclass
class Log:
    """The log of one that is asked each second."""

    records: list[dict[str, Any]] = field(default_factory=list)
    now_ns: int = 0

    def __post_init__(self) -> None:
        self.held_back = SuppressionLog(self.records.append, lambda: self.now_ns)

    def say(self, seconds: int, policy: str = "p") -> None:
        self.now_ns = seconds * NS_PER_SECOND
        firing = Firing(Policy(policy, Match(), (), Mode.ANY, ()), (watches.finding(),))
        self.held_back.say(firing, "gopls 4711 is young")


@pytest.fixture
def log() -> Log:
    return Log()


def test_it_says_what_was_met_and_why_nothing_is_done(log: Log) -> None:
    log.say(0)
    assert log.records == [
        {
            "type": "held_back",
            "policy": "p",
            "job": watches.identity().name,
            "sentence": watches.finding().sentence,
            "why": "gopls 4711 is young",
        }
    ]


def test_it_is_said_once_a_minute(log: Log) -> None:
    for seconds, said in ((0, 1), (1, 1), (59, 1), (60, 2), (61, 2)):
        log.say(seconds)
        assert len(log.records) == said


def test_it_is_said_of_each_policy(log: Log) -> None:
    log.say(0)
    log.say(1, policy="another")
    log.say(2)
    assert [one["policy"] for one in log.records] == ["p", "another"]
