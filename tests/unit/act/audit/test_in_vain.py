"""Processes about which nothing could be done."""

from ebpftrace.act.audit.in_vain import InVain
from ebpftrace.act.process.identity import Target
from ebpftrace.events import ProcessKey
from tests.support.incidents import JOB, incident


def target(pid: int) -> Target:
    return Target(ProcessKey(pid, 1), JOB.cgroup, (0, 0))


def test_it_is_known_of_a_policy_and_a_process() -> None:
    in_vain, about = InVain(), incident(target(4711))
    in_vain.add(about)
    assert in_vain.has(about.policy, ProcessKey(4711, 1))
    assert not in_vain.has("another", ProcessKey(4711, 1))
    assert not in_vain.has(about.policy, ProcessKey(4711, 2))


def test_it_remembers_a_bounded_number() -> None:
    in_vain, policy = InVain(), incident().policy
    for pid in range(1, 3000):
        in_vain.add(incident(target(pid)))
    known = [pid for pid in range(1, 3000) if in_vain.has(policy, ProcessKey(pid, 1))]
    assert known == list(range(3000 - 1024, 3000))
