"""What is said of a gopls daemon that several jobs share."""

from ebpftrace.doctor.check import CheckResult, CheckState
from ebpftrace.doctor.gopls.daemons import DaemonClient, GoplsDaemon
from ebpftrace.doctor.gopls.processes import GoplsProcess
from ebpftrace.doctor.gopls.sharing import check_sharing
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.units import GIB, MIB

PROCESS = GoplsProcess(
    7, 1000, "v0.24.0", 365 * MIB, "/ci/1", GIB, None, ("gopls", "serve"), {}
)


def job(name: str) -> JobIdentity:
    return JobIdentity(f"1:github:{name}", name, "github", "a test", "/ci/1", 1)


def client(pid: int, name: str, *, auto: bool = True) -> DaemonClient:
    return DaemonClient(pid, job(name), auto)


def check(*clients: DaemonClient, unknown: int = 0) -> CheckResult:
    (only,) = check_sharing([GoplsDaemon(PROCESS, job("a"), "/tmp/s", clients, unknown)])
    return only


def test_a_daemon_of_its_own_job_alone_is_fine() -> None:
    assert check().state is CheckState.OK
    fine = check(client(1, "a"), unknown=2)
    assert fine.state is CheckState.OK
    assert fine.seen == (
        "gopls v0.24.0 (pid 7) is a daemon at /tmp/s with 1 client, a (pid 1) and 2 "
        "connections of unknown processes: 365 MiB resident, charged to a"
    )


def test_which_job_pays_and_what_ends_with_it() -> None:
    warned = check(client(1, "a"), client(2, "b"), client(3, "c", auto=False))
    assert warned.state is CheckState.WARNING
    assert "3 clients" in warned.seen
    assert "charged to the memory cgroup /ci/1, whose limit is 1.0 GiB" in warned.why
    assert "with it 2 clients, b (pid 2), c (pid 3);" in warned.why
    assert warned.why.endswith("charged to its own job: b")


def test_clients_that_begin_no_daemon_are_not_the_next_to_pay() -> None:
    assert check(client(2, "b", auto=False)).why.endswith("would begin another daemon")


def test_names_are_clean_and_few() -> None:
    warned = check(*(client(pid, f"\x1b[2J{pid}") for pid in range(9)))
    assert warned.seen.isprintable()
    assert " and 5 more" in warned.seen


def test_only_some_of_many_are_shown() -> None:
    daemon = GoplsDaemon(PROCESS, None, "@s", ())
    found = list(check_sharing([daemon] * 20))
    assert len(found) == 17
    assert found[16].seen == "4 more daemons run, and are not shown"
