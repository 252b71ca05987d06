"""Steps that a policy does not write: defaults and evidence. (The tables: test_file.py.)"""

import pytest

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.policy.policy import Step
from ebpftrace.act.policy.reader import default_step, with_evidence
from tests.support.actions import fake_action

SAVING = {
    "save": fake_action("save", informational=True, saves_evidence=True),
    "end": fake_action("end", spends_budget=True),
}


def test_a_step_has_the_timeout_and_the_options_of_its_action() -> None:
    kind = ACTIONS["signal"]
    assert default_step("signal") == Step("signal", kind.timeout_ns, kind.options())
    assert default_step("signal", send=("KILL",)).options == kind.options(send=("KILL",))


def test_options_that_an_action_does_not_have_are_refused() -> None:
    with pytest.raises(TypeError):
        default_step("signal", colour="red")


def test_evidence_is_saved_first_unless_a_step_does_it() -> None:
    end, save = default_step("end", SAVING), default_step("save", SAVING)
    assert with_evidence([end], SAVING) == [save, end]
    assert with_evidence([], SAVING) == [save]
    assert with_evidence([end, save], SAVING) == [end, save]
