"""Which policies get a backstop."""

import pytest

from ebpftrace.act.policy.policy import Mode, needs_backstop
from ebpftrace.judge.finding import Severity
from ebpftrace.units import MIB
from tests.support.conditions import condition, level


@pytest.mark.parametrize(
    ("levels", "judgements", "mode", "needed"),
    [
        (0, 1, Mode.ALL, True),
        (0, 1, Mode.ANY, True),
        (1, 1, Mode.ANY, True),
        (1, 1, Mode.ALL, False),
        (1, 0, Mode.ANY, False),
        (0, 0, Mode.ANY, False),
    ],
)
def test_backstop_is_for_policies_that_the_judgement_alone_can_trigger(
    levels: int, judgements: int, mode: Mode, needed: bool
) -> None:
    when = [level(64 * MIB)] * levels + [
        condition("builtin", least=Severity.WARNING)
    ] * judgements
    assert needs_backstop(when, mode) is needed
