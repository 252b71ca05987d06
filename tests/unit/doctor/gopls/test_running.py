"""What is wrong with a gopls that runs."""

from typing import Any

from ebpftrace.doctor.check import CheckResult, CheckState
from ebpftrace.doctor.gopls.processes import GoplsProcess
from ebpftrace.doctor.gopls.running import check_gopls
from ebpftrace.units import GIB, MIB


def process(**changes: Any) -> GoplsProcess:
    made = GoplsProcess(
        7, 1000, "v0.24.0", 365 * MIB, "/ci/1", 2 * GIB, None, ("gopls", "-v"), {"HOME": "/h"}
    )
    return made._replace(**changes)


def wrong(
    *processes: GoplsProcess, no_effect: frozenset[str] = frozenset()
) -> list[CheckResult]:
    found = check_gopls(processes, lambda _pid: no_effect)
    return [each for each in found if each.state is not CheckState.OK]


def test_a_healthy_gopls_has_one_line() -> None:
    (one,) = check_gopls([process()], lambda _pid: frozenset())
    assert one.seen == ("gopls v0.24.0 (pid 7): 365 MiB resident, in the memory cgroup /ci/1")
    (none,) = check_gopls([], lambda _pid: frozenset())
    assert none.state is CheckState.OK


def test_a_variable_that_gopls_does_not_read() -> None:
    (one,) = wrong(process(variables={"GOLANG_ORG_GOPLS_CACHE_DIR": "/x"}))
    assert "GOLANG_ORG_GOPLS_CACHE_DIR" in one.seen
    assert "GOPLSCACHE" in one.fix


def test_an_address_space_in_which_it_ends() -> None:
    (one,) = wrong(process(address_space_bytes=2 * GIB))
    assert one.state is CheckState.ERROR
    assert wrong(process(address_space_bytes=2 * GIB + 1)) == []


def test_a_gomemlimit_that_the_cgroup_does_not_allow() -> None:
    (one,) = wrong(process(variables={"GOMEMLIMIT": "2GiB"}))
    assert one.fix.startswith("GOMEMLIMIT=1843MiB")
    assert wrong(process(variables={"GOMEMLIMIT": "1800MiB"})) == []
    assert wrong(process(variables={"GOMEMLIMIT": "4GiB"}, limit_bytes=None)) == []


def test_a_flag_of_which_its_own_help_says_that_it_has_no_effect() -> None:
    started = process(arguments=("gopls", "-mode=stdio", "--v", "mode"))
    (one,) = wrong(started, no_effect=frozenset({"mode", "other"}))
    assert one.seen == "gopls v0.24.0 (pid 7) was started with -mode"
    assert wrong(started) == []


def test_only_some_of_many_are_shown() -> None:
    found = list(check_gopls([process()] * 20, lambda _pid: frozenset()))
    assert len(found) == 17
    assert found[16].seen == "4 more run, and are not shown"
