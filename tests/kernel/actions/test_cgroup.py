"""Actions on cgroups: freeze, thaw, reclaim, throttle, and cgroups that are refused."""

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ebpftrace.act.actions import ACTIONS, freeze, reclaim, systemd, throttle
from ebpftrace.act.actions import signal as ending
from ebpftrace.act.actions.support.action import NoOptions
from ebpftrace.act.actions.support.control_files import open_with
from ebpftrace.act.actions.support.running import Running
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.identity import RefusedError
from ebpftrace.act.process.undo import Undo
from ebpftrace.host.cgroups import v1_cgroup
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.units import MIB, NS_PER_SECOND
from tests.support.cgroups import MemoryCgroup, memory_cgroup, write
from tests.support.incidents import about, act, drive
from tests.support.process_state import state
from tests.support.workload import Workload


@pytest.fixture
def group() -> Iterator[MemoryCgroup]:
    with memory_cgroup() as made:
        yield made


def job_of(group: MemoryCgroup) -> JobIdentity:
    return JobIdentity(str(group.id), "build", "cgroup", "path", group.name, group.id)


def about_job(workload: Workload, group: MemoryCgroup) -> Incident:
    return about(workload.pid, group.path, job=job_of(group))


def started(name: str, incident: Incident, options: object) -> Running:
    running = ACTIONS[name].start(incident, options)
    assert drive(running).status is StepStatus.DONE
    return running


def undo_of(running: Running) -> Undo:
    undo = running.undo
    running.stop()
    assert undo is not None
    # As it comes back from the audit log after a crash.
    return Undo.of_record(undo.record())


def test_process_without_a_freezer_is_stopped_alone(group: MemoryCgroup) -> None:
    with Workload("gopls", cgroup=group) as workload:
        undo = undo_of(started("freeze", about_job(workload, group), NoOptions()))
        if group.version == 1:
            assert state(workload.pid) == "T"
        assert undo.run() == ""
        assert workload.do("map 1MiB")


def test_stopped_process_is_resumed_even_if_it_moved(group: MemoryCgroup) -> None:
    if group.version == 2:
        pytest.skip("on v2 the whole cgroup is frozen")
    with Workload("gopls", cgroup=group) as workload, memory_cgroup() as elsewhere:
        undo = undo_of(started("freeze", about_job(workload, group), NoOptions()))
        elsewhere.add(workload.pid)
        assert undo.run() == ""
        assert workload.do("map 1MiB")


def test_freezer_cgroup_of_the_process_is_frozen_and_thawed(group: MemoryCgroup) -> None:
    hierarchy = Path("/sys/fs/cgroup/freezer")
    if group.version == 2 or not hierarchy.is_dir():
        pytest.skip("no v1 freezer here")
    own = hierarchy / group.path.name
    own.mkdir()
    try:
        with Workload("gopls", cgroup=group) as workload:
            write(own / "cgroup.procs", workload.pid)
            incident = about_job(workload, group)
            running = started("freeze", incident, NoOptions())
            assert (own / "freezer.state").read_text().strip() == "FROZEN"
            ended = act("thaw", incident, NoOptions())
            assert ended.status is StepStatus.DONE
            assert (own / "freezer.state").read_text().strip() == "THAWED"
            assert undo_of(running).run() == ""
            assert workload.do("map 1MiB")
    finally:
        removed(own)


def test_freezer_that_another_job_shares_is_not_frozen(group: MemoryCgroup) -> None:
    hierarchy = Path("/sys/fs/cgroup/freezer")
    if group.version == 2 or not hierarchy.is_dir():
        pytest.skip("no v1 freezer here")
    shared = hierarchy / group.path.name
    (shared / "below").mkdir(parents=True)
    try:
        with (
            Workload("gopls", cgroup=group) as workload,
            memory_cgroup() as elsewhere,
            Workload("victim", cgroup=elsewhere) as victim,
        ):
            write(shared / "cgroup.procs", workload.pid)
            write(shared / "below/cgroup.procs", victim.pid)
            undo = undo_of(started("freeze", about_job(workload, group), NoOptions()))
            assert state(workload.pid) == "T"
            assert (shared / "freezer.state").read_text().strip() == "THAWED"
            assert victim.do("map 1MiB")
            assert undo.run() == ""
    finally:
        removed(shared / "below")
        removed(shared)


@pytest.mark.parametrize("name", ["freeze", "thaw", "reclaim", "throttle"])
def test_cgroup_that_took_the_job_s_name_is_not_touched(group: MemoryCgroup, name: str) -> None:
    """The job's cgroup was renamed, as only v1 allows, and another has its name."""
    if group.version == 2:
        pytest.skip("on v2 no cgroup can be renamed")
    with memory_cgroup() as delegated, Workload("gopls", cgroup=group) as workload:
        job, renamed = delegated.path / "job", delegated.path / "renamed"
        job.mkdir()
        try:
            write(job / "cgroup.procs", workload.pid)
            identity = job_of(group)._replace(cgroup=f"{delegated.name}/job")
            incident = about(workload.pid, job, job=identity)
            job.rename(renamed)
            job.mkdir()  # the victim's
            ended = act(name, incident, ACTIONS[name].options())
            assert ended.status is StepStatus.SKIPPED
            assert workload.do("map 1MiB")
        finally:
            group.add(workload.pid)
            job.rmdir()
            renamed.rmdir()


def test_process_in_a_cgroup_below_is_one_of_the_cgroup(group: MemoryCgroup) -> None:
    with (
        memory_cgroup(parent=group) as below,
        memory_cgroup() as other,
        Workload("gopls", cgroup=below) as inside,
        Workload("gopls", cgroup=other) as outside,
    ):
        os.close(open_with(group.path, {inside.pid}))
        os.close(open_with(below.path, {inside.pid}))
        for folder, pid in ((group.path, outside.pid), (other.path, inside.pid)):
            with pytest.raises(RefusedError, match="no process that was judged"):
                open_with(folder, {pid})


def test_freezer_with_the_beginning_of_our_name_is_not_ours(group: MemoryCgroup) -> None:
    hierarchy = Path("/sys/fs/cgroup/freezer")
    if group.version == 2 or not hierarchy.is_dir():
        pytest.skip("no v1 freezer here")
    home = hierarchy / v1_cgroup(os.getpid(), "freezer").strip("/")
    theirs, ours = hierarchy / group.path.name, hierarchy / f"{group.path.name}0"
    theirs.mkdir()
    ours.mkdir()
    try:
        with Workload("gopls", cgroup=group) as workload:
            write(theirs / "cgroup.procs", workload.pid)
            write(ours / "cgroup.procs", os.getpid())
            freezer = freeze.find_freezer(about_job(workload, group))
            assert freezer is not None
            assert freezer.file == theirs / "freezer.state"
            write(ours / "cgroup.procs", workload.pid)
            with pytest.raises(RefusedError, match="ebpftrace itself"):
                freeze.find_freezer(about_job(workload, group))
    finally:
        write(home / "cgroup.procs", os.getpid())
        removed(theirs)
        removed(ours)


def removed(folder: Path) -> None:
    write(folder / "freezer.state", "THAWED")
    while folder.exists():
        try:
            folder.rmdir()
        except OSError:
            time.sleep(0.01)


def test_reclaim_drops_page_cache_or_says_why_not(group: MemoryCgroup, tmp_path: Path) -> None:
    file = tmp_path / "cache"
    file.write_bytes(b"x" * (32 * MIB))
    os.sync()
    with Workload("gopls", cgroup=group) as workload:
        fd = os.open(file, os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)
        reader = group.run(["cat", file], stdout=subprocess.DEVNULL)
        reader.wait()
        before = group.charge_bytes()
        ended = act("reclaim", about_job(workload, group), reclaim.ReclaimOptions())
        files = ("memory.reclaim", "memory.force_empty")
        if any((group.path / name).exists() for name in files):
            assert ended.status is StepStatus.DONE
            assert "reclaimed by memory." in ended.detail
            if before > 32 * MIB:
                assert group.charge_bytes() < before - 16 * MIB
        else:
            assert ended.status is StepStatus.FAILED
            assert ended.detail == "this kernel has no memory.reclaim (Linux 5.19)"
        assert workload.do("map 1MiB")


def test_throttle_is_undone_on_v2_and_fails_on_v1(group: MemoryCgroup) -> None:
    with Workload("gopls", cgroup=group) as workload:
        running = ACTIONS["throttle"].start(
            about_job(workload, group), throttle.ThrottleOptions()
        )
        ended = drive(running)
        if group.version == 1:
            assert ended.status is StepStatus.FAILED
            assert ended.detail == "memory.high needs cgroup v2, and this is v1"
            running.stop()
            return
        assert ended.status is StepStatus.DONE
        assert (group.path / "memory.high").read_text().strip() != "max"
        assert undo_of(running).run() == ""
        assert (group.path / "memory.high").read_text().strip() == "max"


@pytest.mark.parametrize("name", ["reclaim", "throttle", "freeze"])
def test_root_cgroup_is_refused(group: MemoryCgroup, name: str) -> None:
    options = ACTIONS[name].options()
    with Workload("gopls", cgroup=group) as workload:
        whole_node = replace(about_job(workload, group), job=job_of(group)._replace(cgroup="/"))
        ended = act(name, whole_node, options)
        assert ended.status is StepStatus.SKIPPED
        assert ended.detail == "the job has no memory cgroup of its own"


def test_undo_does_not_write_to_another_cgroup_of_the_name(tmp_path: Path) -> None:
    file = tmp_path / "memory.high"
    file.write_text("max")
    undo = Undo("memory.high", file, file.stat().st_ino + 1, "5")
    assert undo.run() == ""
    assert file.read_text() == "max"
    assert Undo("memory.high", tmp_path / "gone", 1, "5").run() == ""


def test_process_of_no_service_is_not_restarted(group: MemoryCgroup) -> None:
    with Workload("gopls", cgroup=group) as workload:
        ended = act("systemd", about_job(workload, group), systemd.SystemdOptions())
        assert ended.status is StepStatus.SKIPPED
        assert ended.detail == "there is no service on the path of its cgroup"


def test_node_without_systemd_is_a_failure() -> None:
    if Path("/run/systemd/system").exists():
        pytest.skip("systemd runs here: see tests/vm")
    with (
        memory_cgroup(name="system.slice/gopls.service") as unit,
        Workload("gopls", cgroup=unit) as workload,
    ):
        ended = act("systemd", about_job(workload, unit), systemd.SystemdOptions())
        assert ended.status is StepStatus.FAILED
        assert "no message bus, so no systemd here" in ended.detail
        assert workload.do("map 1MiB")


def test_a_frozen_process_still_ends_by_a_signal(group: MemoryCgroup) -> None:
    """What the ladder does: thaw first, for a stopped process takes no TERM."""
    with Workload("gopls", cgroup=group) as workload:
        incident = about_job(workload, group)
        undo = undo_of(started("freeze", incident, NoOptions()))
        assert undo.run() == ""
        ended = act("signal", incident, ending.SignalOptions(grace_ns=2 * NS_PER_SECOND))
        assert "ended by TERM" in ended.detail
