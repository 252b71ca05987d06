"""Why the compiler failed, from the limits and events of this process's own cgroup."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ebpftrace.engine.compile_memory import (
    NEEDED_BYTES,
    NEEDED_COLD_BYTES,
    PATIENCE_SECONDS,
    CompileMemory,
    OwnMemory,
    own_memory,
)
from ebpftrace.units import MIB
from tests.support.fakeroot import FakeRoot

Folders = Callable[[str], None]


def explained(
    before: OwnMemory, after: OwnMemory, *, failed: bool, seconds: float = 1.0
) -> str | None:
    readings = iter([before, after])
    times = iter([0.0, seconds])
    memory = CompileMemory(lambda: next(readings), lambda: next(times))
    error = memory.explain(failed)
    return None if error is None else error.why


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (OwnMemory(64 * MIB, 90, 1), "the OOM killer ended the compiler"),
        (OwnMemory(64 * MIB, 90, 0), "the compiler got no more memory"),
        (OwnMemory(64 * MIB, 5, 0), None),
    ],
)
def test_failure_at_the_limit_is_for_want_of_memory(after: OwnMemory, why: str | None) -> None:
    found = explained(OwnMemory(64 * MIB, 5, 0), after, failed=True)
    if why is None:
        assert found is None
    else:
        assert found is not None
        assert "compiling needs about 96 MiB once" in found
        assert f"{why} in a memory cgroup with a limit of 64 MiB" in found


def test_failure_without_a_limit_has_another_reason() -> None:
    assert explained(OwnMemory(None, 0, 0), OwnMemory(None, 9, 1), failed=True) is None


@pytest.mark.parametrize(
    ("limit", "seconds", "given_up"),
    [
        (NEEDED_BYTES, PATIENCE_SECONDS - 1, False),
        (NEEDED_BYTES, PATIENCE_SECONDS + 1, True),
        (NEEDED_COLD_BYTES - 1, PATIENCE_SECONDS + 1, True),
        (NEEDED_COLD_BYTES, 10 * PATIENCE_SECONDS, False),  # an emulated processor is slow
    ],
)
def test_compiler_is_given_up_on_only_where_memory_is_short(
    limit: int, seconds: float, given_up: bool
) -> None:
    memory = OwnMemory(limit, 0, 0)
    found = explained(memory, memory, failed=False, seconds=seconds)
    assert (found is not None) == given_up


def test_error_says_what_to_do() -> None:
    memory = CompileMemory(iter([OwnMemory(1, 0, 0), OwnMemory(1, 1, 1)]).__next__, lambda: 0.0)
    error = memory.explain(True)
    assert error is not None
    assert "`ebpftrace compile`" in error.fix
    assert "ship the cache" in error.fix


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeRoot:
    fake = FakeRoot(tmp_path)
    fake.process(7, cgroup="0::/ci/build")
    monkeypatch.setattr("os.getpid", lambda: 7)
    return fake


def test_limits_and_events_of_all_levels_of_v2(root: FakeRoot) -> None:
    root.mounts("/ /sys/fs/cgroup rw - cgroup2 cgroup2 rw")
    root.folder("/sys/fs/cgroup", cgroup__controllers="memory\n")
    events = "low 0\nhigh 3\nmax 4\noom 1\noom_kill 2\noom_group_kill 0\n"
    root.folder("/sys/fs/cgroup/ci", memory__max="67108864\n", memory__events=events)
    root.folder("/sys/fs/cgroup/ci/build", memory__max="max\n", memory__events="max 1\n")
    assert own_memory(root.root) == OwnMemory(64 * MIB, 5, 2)


def test_limits_and_events_of_v1(root: FakeRoot) -> None:
    root.process(7, cgroup="4:memory:/ci/build")
    root.mounts("/ /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory")
    none = {"memory__limit_in_bytes": "9223372036854771712\n"}
    root.folder("/sys/fs/cgroup/memory", **none)
    root.folder("/sys/fs/cgroup/memory/ci", memory__failcnt="3\n", **none)
    root.folder(
        "/sys/fs/cgroup/memory/ci/build",
        memory__limit_in_bytes="83886080\n",
        memory__failcnt="4\n",
        memory__oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
    )
    assert own_memory(root.root) == OwnMemory(80 * MIB, 7, 1)


def test_machine_without_memory_cgroups_has_no_limit(root: FakeRoot) -> None:
    assert own_memory(root.root) == OwnMemory(None, 0, 0)
