"""Which processes use a folder, and which files of it."""

import subprocess
from pathlib import Path

import pytest

from ebpftrace.host.using import (
    MOST_PARTS,
    FileId,
    FolderUser,
    file_id,
    processes_using,
)
from tests.support.build import headless_binary
from tests.support.effort import effort_of
from tests.support.fakeroot import FakeRoot
from tests.support.process_state import state, until


def id_of(path: Path) -> FileId:
    found = file_id(path)
    assert found is not None
    return found


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    (folder / "b001").mkdir(parents=True)
    (folder / "b001/pkg.a").touch()
    return folder


@pytest.fixture
def fake(tmp_path: Path) -> FakeRoot:
    """Two processes in our mount namespace, one of them a kernel thread's child."""
    fake = FakeRoot(tmp_path)
    namespace = tmp_path / "namespace"
    namespace.touch()
    for pid, parent in ((7, 1), (8, 2)):
        fake.process(
            pid, parent, environ={"TMPDIR": f"{tmp_path}/cache/b001"}, cgroup="0::/ci/42"
        )
    for name in ("self", "7", "8"):
        (fake.proc / name / "ns").mkdir(parents=True)
        (fake.proc / name / "ns/mnt").symlink_to(namespace)
    (fake.proc / "7/root").symlink_to("/")
    (fake.proc / "7/fd").mkdir()
    return fake


def users(fake: FakeRoot, folder: Path, *variables: str) -> list[FolderUser]:
    return list(processes_using([id_of(folder)], variables, fake.root))


def test_variable_below_the_folder_makes_a_user_without_files(
    fake: FakeRoot, cache: Path
) -> None:
    (user,) = users(fake, cache, "TMPDIR")
    assert (user.stat.pid, user.cgroup) == (7, "/ci/42")
    assert user.folders == {id_of(cache): frozenset()}
    assert users(fake, cache, "GOCACHE") == []


@pytest.mark.parametrize("link", ["cwd", "exe", "fd/3"])
def test_files_that_the_process_runs_is_in_or_has_open(
    fake: FakeRoot, cache: Path, link: str
) -> None:
    file = cache / "b001" if link == "cwd" else cache / "b001/pkg.a"
    (fake.proc / "7" / link).symlink_to(file)
    (user,) = users(fake, cache)
    assert user.folders == {id_of(cache): frozenset({id_of(file)})}


def test_process_whose_first_thread_has_ended_uses_what_it_is_in(cache: Path) -> None:
    with subprocess.Popen(
        [headless_binary()], cwd=cache / "b001", env={"TMPDIR": str(cache)}
    ) as it:
        try:
            until(lambda: state(it.pid) == "Z")
            (user,) = processes_using([id_of(cache)], ["TMPDIR"])
            assert user.stat.pid == it.pid
            assert user.folders == {id_of(cache): frozenset({id_of(cache / "b001")})}
        finally:
            it.kill()


def test_other_folders_have_no_users(fake: FakeRoot, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    assert users(fake, other, "TMPDIR") == []


def test_paths_of_a_container_are_looked_up_below_its_root(
    fake: FakeRoot, cache: Path, tmp_path: Path
) -> None:
    """The same path is another folder there."""
    inner = tmp_path / "container" / str(cache).lstrip("/")
    inner.mkdir(parents=True)
    (fake.proc / "7/root").unlink()
    (fake.proc / "7/root").symlink_to(tmp_path / "container")
    fake.process(7, 1, environ={"TMPDIR": str(cache)})
    assert users(fake, cache, "TMPDIR") == []
    assert [user.stat.pid for user in users(fake, inner, "TMPDIR")] == [7]


def test_paths_that_processes_name_take_bounded_memory_and_effort(
    fake: FakeRoot, cache: Path, tmp_path: Path
) -> None:
    """Of each a process could have a path of its own, as long as a path may be."""
    deep = tmp_path / "deep" / Path(*["a"] * 100)
    deep.mkdir(parents=True)

    def effort(variable: str) -> tuple[int, int]:
        fake.process(7, 1, environ={"TMPDIR": variable})
        made = effort_of(lambda: users(fake, cache, "TMPDIR"))
        assert made.result == []
        return made.steps, made.peak_bytes

    effort("/")  # what is only read once
    few, _ = effort("/nowhere")
    for long in ("/nowhere" + "/a" * 2000, f"{deep}" + "/../a" * 600):
        steps, peak_bytes = effort(long)
        assert steps < few + 40 * MOST_PARTS
        assert peak_bytes < 1 << 20


def test_folder_that_is_too_deep_to_be_looked_for_has_no_users(
    fake: FakeRoot, tmp_path: Path
) -> None:
    """FolderSharing says that it is too deep, and nothing in it is touched."""
    folder = tmp_path / Path(*["a"] * MOST_PARTS)
    folder.mkdir(parents=True)
    fake.process(7, 1, environ={"TMPDIR": str(folder)})
    assert users(fake, folder, "TMPDIR") == []
    assert [it.stat.pid for it in users(fake, tmp_path / "a", "TMPDIR")] == [7]
