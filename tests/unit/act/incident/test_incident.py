"""An incident's targets, and the facts passed to hooks."""

import json
from pathlib import Path

from ebpftrace.act.incident.incident import environment, facts, facts_json, variables
from ebpftrace.act.process.identity import Target
from ebpftrace.events import ProcessKey
from ebpftrace.units import NS_PER_SECOND
from tests.support.incidents import incident

OTHERS = tuple(Target(ProcessKey(pid, 1), "/ci/build-42", (0, 0)) for pid in (5000, 5001))


def test_a_group_is_named_by_its_first_member_and_the_number_of_others() -> None:
    assert incident().target_name == "gopls 4711"
    assert incident(other_targets=OTHERS[:1]).target_name == "gopls 4711 and 1 other"
    assert incident(other_targets=OTHERS).target_name == "gopls 4711 and 2 others"


def test_the_targets_of_a_group_are_all_its_members() -> None:
    assert [it.key.pid for it in incident(other_targets=OTHERS).targets] == [4711, 5000, 5001]


def test_a_parent_with_descendants_is_a_group() -> None:
    assert not incident().is_group
    assert incident(other_targets=OTHERS).is_group
    assert incident(descendant_names=frozenset({"worker"})).is_group


def test_a_moment_of_the_incident_has_a_unix_time() -> None:
    about = incident(began_ns=10 * NS_PER_SECOND, time_ns=1000 * NS_PER_SECOND)
    assert about.unix_ns(12 * NS_PER_SECOND) == 1002 * NS_PER_SECOND


def test_an_unknown_fact_is_null_in_json_and_empty_as_a_variable() -> None:
    about = incident(other_targets=OTHERS, cgroup_folder=Path("/sys/fs/cgroup/ci"))
    assert json.loads(facts_json(facts(about))) == facts(about)
    assert facts(about)["evidence"] is None
    made = variables(facts(about))
    assert made["EBPFTRACE_EVIDENCE"] == ""
    assert made["EBPFTRACE_OTHER_PIDS"] == "5000 5001"
    assert made["EBPFTRACE_CGROUP_FOLDER"] == "/sys/fs/cgroup/ci"


def test_a_hook_gets_the_variables_of_its_own_incident_only() -> None:
    base = {"PATH": "/bin", "EBPFTRACE_PID": "1", "EBPFTRACE_OLD": "x"}
    made = environment(facts(incident()), {"MODE": "ci"}, base)
    assert (made["PATH"], made["MODE"], made["EBPFTRACE_PID"]) == ("/bin", "ci", "4711")
    assert "EBPFTRACE_OLD" not in made
