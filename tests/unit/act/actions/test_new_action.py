"""A file in the package of the actions is an action, and nothing else has to know it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest

from ebpftrace.act import actions
from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.audit.allowance import Allowance
from ebpftrace.act.audit.budget import Moment, Spending
from ebpftrace.act.breaker.ladder import Ladder
from ebpftrace.act.incident.outcome import Outcome, StepOutcome, StepStatus
from ebpftrace.act.policy.describe import in_words
from ebpftrace.act.policy.file import PolicyFileError, parse_policies
from ebpftrace.act.policy.policy import Budget, Policy
from ebpftrace.act.policy.schema import schema
from ebpftrace.act.policy.toml.tables import keys_of
from ebpftrace.discovery import discover
from tests.support.incidents import incident
from tests.support.policy_docs import documented_options

DRAIN = """
from dataclasses import dataclass
from typing import Annotated

from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.actions.support.running import Running, finished
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.units import NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class DrainOptions:
    runner: Annotated[str, "the runner to drain"]


def start(incident: Incident, options: DrainOptions) -> Running:
    return finished(StepStatus.DONE, f"{options.runner} drained for {incident.comm}")


ACTION = Action(
    name="drain",
    options=DrainOptions,
    doc="take no more jobs",
    timeout_ns=7 * NS_PER_SECOND,
    start=start,
    prepare=None,
    concurrent=False,
    after_outcome=False,
    informational=False,
    temporary=False,
    spends_budget=True,
    saves_evidence=False,
    awaits_evidence=False,
)
"""
POLICY = """
[[policy]]
name = "p"
capture = false
when = [{ detector = "oom" }]
then = [{ action = "drain", runner = "runner-7" }]
"""
DOCS = "### `drain`\n\n| key |\n| --- |\n| `runner` | string |\n\n### `next`\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose modules belong to the package of the actions."""
    monkeypatch.setattr(actions, "__path__", [*actions.__path__, str(tmp_path)])
    yield tmp_path
    sys.modules.pop(f"{actions.__name__}.drain", None)
    vars(actions).pop("drain", None)


@pytest.fixture
def known(folder: Path) -> dict[str, Action[Any]]:
    """All actions and `drain`, which is defined by one new file alone."""
    (folder / "drain.py").write_text(DRAIN)
    return discover(actions.__name__, actions.__path__, "ACTION", Action)


def drain_policy(known: dict[str, Action[Any]]) -> Policy:
    (policy,) = parse_policies(POLICY.encode(), "p.toml", known)
    return policy


def test_new_file_is_an_action(known: dict[str, Action[Any]]) -> None:
    assert known.keys() - ACTIONS.keys() == {"drain"}
    assert "drain" not in ACTIONS


def test_policy_parser_takes_a_new_action(known: dict[str, Action[Any]]) -> None:
    (step,) = drain_policy(known).ladder
    assert (step.action, step.timeout_ns) == ("drain", 7_000_000_000)
    assert step.options == known["drain"].options(runner="runner-7")
    without = POLICY.replace(', runner = "runner-7"', "")
    with pytest.raises(PolicyFileError) as caught:
        parse_policies(without.encode(), "p.toml", known)
    assert "then[0].runner: found no such key" in caught.value.why


def test_ladder_with_a_new_action_that_saves_evidence_gets_no_capture(folder: Path) -> None:
    source = DRAIN.replace("spends_budget=True", "spends_budget=False")
    source = source.replace("informational=False", "informational=True")
    source = source.replace("saves_evidence=False", "saves_evidence=True")
    (folder / "drain.py").write_text(source)
    known = discover(actions.__name__, actions.__path__, "ACTION", Action)
    policy = POLICY.replace("capture = false\n", "")
    (parsed,) = parse_policies(policy.encode(), "p.toml", known)
    assert [step.action for step in parsed.ladder] == ["drain"]


def test_ladder_with_another_new_action_gets_a_capture(known: dict[str, Action[Any]]) -> None:
    policy = POLICY.replace("capture = false\n", "")
    (parsed,) = parse_policies(policy.encode(), "p.toml", known)
    assert [step.action for step in parsed.ladder] == ["capture", "drain"]


def test_schema_takes_a_new_action(known: dict[str, Action[Any]]) -> None:
    valid = fastjsonschema.compile(schema(known))
    step = {"action": "drain", "runner": "runner-7"}
    policy = {"name": "p", "when": [{"detector": "oom"}], "then": [step]}
    valid({"policy": [policy]})
    del step["runner"]
    with pytest.raises(fastjsonschema.JsonSchemaException):
        valid({"policy": [policy]})


def test_policy_explain_names_a_new_action(known: dict[str, Action[Any]]) -> None:
    assert ("then", "drain") in in_words(drain_policy(known))


@pytest.mark.parametrize(
    ("restarts", "status", "detail"),
    [
        (1, StepStatus.DONE, "runner-7 drained for gopls"),
        (0, StepStatus.SKIPPED, "the budget allows no restart"),
    ],
)
def test_ladder_runs_a_new_action_within_the_budget(
    known: dict[str, Action[Any]], restarts: int, status: StepStatus, detail: str
) -> None:
    about = incident()
    budget = Budget(restarts=restarts)
    ladder = Ladder(
        about,
        drain_policy(known),
        known,
        allowance=Allowance(Spending(), about.job.accounts, budget, lambda: Moment(0, 0, "")),
        record=lambda _record: None,
        clock=lambda: about.began_ns,
    )
    step = next(event for event in ladder.poll() if not isinstance(event, Outcome))
    assert isinstance(step, StepOutcome)
    assert (step.action, step.status, step.detail) == ("drain", status, detail)


def test_docs_test_demands_a_section_with_the_options(known: dict[str, Action[Any]]) -> None:
    options = {key.name for key in keys_of(known["drain"].options)}
    assert documented_options(DOCS, "drain") == options
    assert documented_options(DOCS.replace("runner", "other"), "drain") != options
    assert documented_options("### `signal`\n", "drain") is None


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("", TypeError, "drain defines no ACTION"),
        ("ACTION = 1", TypeError, "drain defines no ACTION"),
        (DRAIN.replace('name="drain"', 'name="drian"'), ValueError, "named 'drian'"),
        (DRAIN.replace("    spends_budget=True,\n", ""), TypeError, "spends_budget"),
    ],
)
def test_module_without_a_whole_action_is_refused(
    folder: Path, source: str, error: type[Exception], message: str
) -> None:
    (folder / "drain.py").write_text(source)
    with pytest.raises(error, match=message):
        discover(actions.__name__, actions.__path__, "ACTION", Action)
