"""What a watch says, as it begins, of names that cannot match."""

from pathlib import Path

from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.act.policy.store import PolicyStore
from ebpftrace.engine.names.remarks import name_remarks
from ebpftrace.engine.request import WatchRequest
from ebpftrace.probe import Selection
from tests.support.scripted_watch import ScriptedWatch

PATTERN = "/usr/bin/gopls"


def policy(name: str, *comms: str) -> Policy:
    return Policy(name, Match(comms=comms), (), Mode.ANY, ())


def test_view_gets_a_remark_once_about_a_pattern_that_matches_nothing(tmp_path: Path) -> None:
    scripted = ScriptedWatch(tmp_path, Selection(comms=(PATTERN,)))
    view = scripted.run(duration_ns=3_000_000_000)
    (remark,) = view.remarks
    assert f"--comm {PATTERN!r} matches no process" in remark


def test_pattern_of_a_policy_is_not_reported_as_an_option_too() -> None:
    """Without options the watch is of the names that the policies have."""
    policies = (policy("a", PATTERN), policy("b", "node"))
    request = WatchRequest(Selection(comms=(PATTERN, "node")))
    request = request._replace(policies=PolicyStore(None, policies))
    (remark,) = name_remarks(request)
    assert remark.startswith("policy a: comm")


def test_watch_whose_names_can_all_match_says_nothing() -> None:
    policies = (policy("a", "gopls"), policy("rest"))
    request = WatchRequest(Selection(comms=("go*",)), policies=PolicyStore(None, policies))
    assert name_remarks(request) == []
