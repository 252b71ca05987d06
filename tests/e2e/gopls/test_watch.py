"""`ebpftrace watch` on real gopls, from its exec to its exit, with its children.

One session a version, seen by two watches at once: by name with all descendants, and by
the main package of the executable alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.cgroups import memory_cgroup
from tests.support.gopls_session import Gopls, Session, drive
from tests.support.records import Ended, Record, Watch

MIB = 1 << 20
BY_NAME = ("--comm", "gopls", "--children", "--interval", "200ms")
BY_MAIN_PACKAGE = ("--go-main", "golang.org/x/tools/gopls")


@dataclass(frozen=True)
class Watched:
    """A session with gopls, and what two watches said of it."""

    gopls: Gopls
    session: Session
    pid: int
    cgroup_id: int
    by_name: Ended
    by_main_package: Ended

    def records(self, watch: Ended) -> list[Record]:
        """The process records of the session: other gopls may run on this machine."""
        return [
            record
            for record in watch.of_type("process")
            if record["job"]["cgroup_id"] == self.cgroup_id
        ]


@pytest.fixture(scope="module")
def watched(gopls: Gopls) -> Iterator[Watched]:
    with (
        memory_cgroup() as group,
        Watch(*BY_NAME) as by_name,
        Watch(*BY_MAIN_PACKAGE) as by_main_package,
    ):
        with gopls.server(group) as server:
            session = drive(server, gopls.files)
            for watch in (by_name, by_main_package):
                watch.wait_for(
                    lambda record: (
                        record["type"] == "process"
                        and (record["event"], record["pid"]) == ("exit", server.pid)
                    )
                )
        yield Watched(
            gopls, session, server.pid, group.id, by_name.stop(), by_main_package.stop()
        )


def test_the_session_was_a_real_one(watched: Watched) -> None:
    session = watched.session
    assert session.exit_code == 0
    assert session.symbols > 0
    # The edits moved the first function down; the hover found it where they put it.
    assert "func ParseLine" in session.hovered
    # 50 open files of a module of 520, with nothing cached: hundreds of MiB.
    assert session.peak_bytes > 200 * MIB


def test_both_watches_ended_in_order_and_lost_nothing(watched: Watched) -> None:
    for ended in (watched.by_name, watched.by_main_package):
        assert (ended.code, ended.stderr) == (0, "")
        assert ended.records[-1]["type"] == "end"
        # By main package every program of the machine is looked into; one of another
        # else's may have been gone by then, and is counted.
        assert not ended.records[-1]["losses"].keys() - {
            "unidentified",
            "proc_timeouts",  # of a machine that is busy
            "cgroups_full",  # by those of a hostile test beside this one
        }


@pytest.mark.parametrize("watch", ["by_name", "by_main_package"])
def test_gopls_is_booked_from_exec_to_exit(watched: Watched, watch: str) -> None:
    found = watched.records(getattr(watched, watch))
    own = [record for record in found if record["pid"] == watched.pid]
    assert [record["event"] for record in own] == ["exec", "exit"]
    assert own[0]["comm"] == "gopls"
    assert (own[-1]["exit_code"], own[-1]["signal"]) == (0, 0)


@pytest.mark.parametrize("watch", ["by_name", "by_main_package"])
def test_the_booked_peak_is_the_kernel_s(watched: Watched, watch: str) -> None:
    found = watched.records(getattr(watched, watch))
    (last,) = [r for r in found if r["pid"] == watched.pid and r["event"] == "exit"]
    peak = watched.session.peak_bytes
    assert abs(last["peak_bytes"] - peak) <= peak * 0.01


def test_its_children_are_booked_each_begun_and_ended(watched: Watched) -> None:
    found = watched.records(watched.by_name)
    begun = {record["pid"] for record in found if record["event"] == "exec"}
    ended = {record["pid"] for record in found if record["event"] == "exit"}
    assert [r for r in found if r["event"] == "exec" and r["comm"] == "go"]
    assert begun == ended


def test_the_crash_monitor_is_told_from_gopls(watched: Watched) -> None:
    found = watched.records(watched.by_main_package)
    monitors = {r["pid"] for r in found if "** telemetry **" in r["cmdline"]}
    # v0.14.2 starts none; newer ones do, from the same executable.
    assert len(monitors) == (watched.gopls.version != "v0.14.2")
    # Without --children and by main package: gopls, its monitor, and no `go list`.
    assert {record["pid"] for record in found} == {watched.pid, *monitors}


def test_no_memory_is_counted_twice(watched: Watched) -> None:
    """Anonymous memory is charged to the cgroup once, in the kernel. A child that shows
    its parent's between fork and exec would lift the sum of the processes above it."""
    jobs = [
        job
        for snapshot in watched.by_name.of_type("snapshot")
        for job in snapshot["jobs"]
        if job["cgroup_id"] == watched.cgroup_id and job["processes"]
    ]
    assert jobs
    # Processes and charge are read one after the other, while gopls grows by 200 MiB/s.
    assert all(job["usage"]["anon_bytes"] <= job["charge_bytes"] + 16 * MIB for job in jobs)
