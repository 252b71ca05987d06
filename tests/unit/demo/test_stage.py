"""How the stage starts and removes its jobs; the cgroups are not real. (Real: tests/kernel.)"""

import os
from pathlib import Path

import pytest

from ebpftrace.demo import stage
from ebpftrace.demo.roles import ROLES
from ebpftrace.demo.stage import Stage
from ebpftrace.host.mounts import MemoryHierarchy
from tests.support.process_state import lives, until

STEADY = next(role for role in ROLES if role.name == "steady")


class FakeCgroup:
    """A folder; the process that joins it writes its pid there."""

    removed: list[str]
    is_busy = False

    def __init__(self, hierarchy: MemoryHierarchy, name: str) -> None:
        self.path = hierarchy.mount / name

    def make(self, limit_bytes: int) -> None:
        self.path.mkdir()
        (self.path / "limit").write_text(str(limit_bytes))

    def join(self) -> None:
        (self.path / "joined").write_text(str(os.getpid()))

    def remove(self) -> bool:
        self.removed.append(self.path.name)
        return not self.is_busy


@pytest.fixture
def cgroup(monkeypatch: pytest.MonkeyPatch) -> type[FakeCgroup]:
    monkeypatch.setattr(FakeCgroup, "removed", [], raising=False)
    monkeypatch.setattr(stage, "Cgroup", FakeCgroup)
    return FakeCgroup


@pytest.fixture
def made(tmp_path: Path, cgroup: type[FakeCgroup]) -> Stage:
    return Stage(MemoryHierarchy("v1", tmp_path), tmp_path)


def test_runner_joins_its_cgroup_with_the_variables_of_its_ci_system_only(
    tmp_path: Path, made: Stage, cgroup: type[FakeCgroup], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITLAB_CI", "true")  # the demo itself may run in a job
    name = f"ebpftrace-demo-{os.getpid()}-steady"
    with made:
        made.start(STEADY, None)
        pid = int((tmp_path / name / "joined").read_text())
        assert (tmp_path / name / "limit").read_text() == str(STEADY.limit_bytes)
        proc = Path(f"/proc/{pid}")
        until(lambda: b"ebpftrace.demo.runner" in (proc / "cmdline").read_bytes())
        environ = (proc / "environ").read_bytes().decode().split("\0")
        assert {line.partition("=")[0] for line in environ if line} == {
            "PATH", "CI", *STEADY.variables,
        }  # fmt: skip
        assert os.getsid(pid) == pid  # Ctrl-C is for the watch
        assert (proc / "cwd").readlink() == tmp_path / "steady"
    assert not lives(pid)
    assert cgroup.removed == [name]


def test_cgroup_that_cannot_be_removed_is_reported(
    tmp_path: Path,
    made: Stage,
    cgroup: type[FakeCgroup],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cgroup, "is_busy", True)
    with made:
        made.start(STEADY, None)
    path = tmp_path / f"ebpftrace-demo-{os.getpid()}-steady"
    assert capsys.readouterr().err == f"demo: {path} could not be removed\n"


def test_messages_are_the_runners_lines_in_the_order_of_the_roles(
    tmp_path: Path, made: Stage
) -> None:
    for role in ROLES:
        (tmp_path / role.name).mkdir()
        (tmp_path / role.name / "log").write_bytes(f"{role.name} says\n".encode() * 2)
    (tmp_path / STEADY.name / "log").write_bytes(b"\xff\n")
    assert made.messages(ROLES) == [
        line
        for role in ROLES
        for line in (
            [f"{role.name}: \ufffd"]
            if role is STEADY
            else [f"{role.name}: {role.name} says"] * 2
        )
    ]
