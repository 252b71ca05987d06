"""Which folders are skipped, and which entries are kept, by what living processes use."""

import os
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from ebpftrace.act.actions.support.sharing import FolderSharing
from ebpftrace.act.process.cache_dirs import CacheDir, CacheDirs
from ebpftrace.act.process.identity import Target
from ebpftrace.events import ProcessKey
from ebpftrace.host.proc import Stat
from ebpftrace.host.using import MOST_PARTS, FolderUser
from ebpftrace.units import NS_PER_SECOND
from tests.support.incidents import JOB, incident

S = NS_PER_SECOND
HZ = os.sysconf("SC_CLK_TCK")
TARGET = Target(ProcessKey(4711, 100 * S), JOB.cgroup, (0, 0))
TMPDIR = CacheDir("TMPDIR", "/jobs/42/tmp", (1, 2))
FILE = (1, 99)


def user(
    pid: int = 5, start_seconds: int = 200, cgroup: str = JOB.cgroup, *files: tuple[int, int]
) -> FolderUser:
    stat = Stat(pid, "go", "S", 1, start_seconds * HZ)
    return FolderUser(stat, cgroup, {TMPDIR.id: frozenset(files)})


def sharing(
    *users: FolderUser, ancestors: frozenset[ProcessKey] = frozenset()
) -> FolderSharing:
    dirs = CacheDirs((TMPDIR,), 0, ancestors)
    about = replace(incident(TARGET), cache_dirs=dirs)
    return FolderSharing(about, users, frozenset({(1, 1)}), frozenset({"/mnt"}), boot_ns=0)


def reason(*users: FolderUser, folder: CacheDir = TMPDIR) -> str:
    return sharing(*users).reason_to_skip(folder)


def test_folder_without_users_may_be_emptied() -> None:
    assert reason() == ""


def test_shared_folder_mount_point_and_very_deep_folder_are_skipped() -> None:
    assert reason(folder=replace(TMPDIR, id=(1, 1))) == "it is a shared folder of the system"
    assert reason(folder=replace(TMPDIR, path="/mnt/")) == "it is a mount point"
    deep = replace(TMPDIR, path="/a" * MOST_PARTS)
    assert reason(folder=deep) == f"its path has {MOST_PARTS} parts or more"
    assert reason(folder=replace(TMPDIR, path="/a" * (MOST_PARTS - 1))) == ""


def test_folder_that_another_job_uses_is_skipped() -> None:
    assert reason(user(cgroup="/other")) == "go 5 of another job uses it"
    assert reason(user(cgroup=f"{JOB.cgroup}/below")) == ""


def test_process_older_than_the_target_may_have_written_any_of_it() -> None:
    assert reason(user(start_seconds=50)) == "go 5 uses it"
    assert reason(user(start_seconds=200)) == ""


def test_cache_is_left_to_every_process_that_uses_it() -> None:
    assert reason(user(), folder=replace(TMPDIR, variable="GOCACHE")) == "go 5 uses it"


def test_ancestors_of_the_target_only_pass_the_variable_on() -> None:
    shell = user(3, 50)
    ancestors = frozenset({ProcessKey(3, 50 * S)})
    assert sharing(shell, ancestors=ancestors).reason_to_skip(TMPDIR) == ""


@pytest.mark.parametrize(
    ("users", "written_seconds", "kept"),
    [
        ((), 10, False),  # no process is left that it could belong to
        ((user(),), 10, True),  # before the target started
        ((user(),), 150, False),
        ((user(),), 250, True),  # after the successor started
        ((user(5, 200, JOB.cgroup, FILE),), 150, True),  # open
    ],
)
def test_entry_is_kept_by_when_it_was_written(
    users: tuple[FolderUser, ...], written_seconds: int, kept: bool
) -> None:
    written_ns = written_seconds * S
    status = SimpleNamespace(
        st_dev=FILE[0], st_ino=FILE[1], st_ctime_ns=written_ns, st_mtime_ns=written_ns
    )
    assert sharing(*users).keeps(TMPDIR, cast(os.stat_result, status)) is kept


def test_remark_names_a_user_and_counts_the_others() -> None:
    assert sharing().remark(TMPDIR) == ""
    assert sharing(user()).remark(TMPDIR) == "go 5 of the job uses it too"
    assert sharing(user(), user(6)).remark(TMPDIR) == "go 5 and 1 more of the job uses it too"
