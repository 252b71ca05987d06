"""What a cgroup holds and what fits below its limits, from files as both versions have them."""

import mmap
import os
from pathlib import Path

import pytest

from ebpftrace.act.incident.job_memory import JobMemory
from ebpftrace.units import MIB

FREE = 8  # MADV_FREE
LIMIT = 300 * MIB


def write(
    folder: Path, stat: str, charge: int, kernel: int = 0, limit: int | None = 300
) -> None:
    """As cgroup v1 has it; sizes are MiB."""
    folder.mkdir(exist_ok=True)
    (folder / "cgroup.procs").touch()
    (folder / "memory.stat").write_text(stat)
    (folder / "memory.usage_in_bytes").write_text(f"{charge * MIB}\n")
    (folder / "memory.kmem.usage_in_bytes").write_text(f"{kernel * MIB}\n")
    shown = 9223372036854771712 if limit is None else limit * MIB
    (folder / "memory.limit_in_bytes").write_text(f"{shown}\n")


def stat(anon: int, shmem: int = 0, cache: int = 0) -> str:
    cache += shmem
    return f"total_rss {anon * MIB}\ntotal_shmem {shmem * MIB}\ntotal_cache {cache * MIB}\n"


def test_kernel_memory_and_tmpfs_are_held_as_in_a_snapshot(tmp_path: Path) -> None:
    write(tmp_path / "job", stat(20, shmem=30, cache=100), 210, kernel=60)
    memory = JobMemory(tmp_path / "job", LIMIT)
    assert memory.held_bytes() == 110 * MIB
    assert memory.held_bytes(15 * MIB) == 65 * MIB, "the rest could be dropped before"
    (room,) = memory.rooms().values()
    assert room == pytest.approx(190 * MIB, abs=5 * MIB)


def test_what_was_freed_lazily_is_not_held(tmp_path: Path) -> None:
    area = mmap.mmap(-1, 32 * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    area.write(b"x" * 32 * MIB)
    area.madvise(FREE)
    write(tmp_path / "job", stat(50) + f"total_inactive_file {32 * MIB}\n", 50)
    (tmp_path / "job" / "cgroup.procs").write_text(f"{os.getpid()}\n")
    held = JobMemory(tmp_path / "job", LIMIT).held_bytes()
    assert held == pytest.approx(18 * MIB, abs=4 * MIB)
    area.seek(0)
    area.write(b"y" * 32 * MIB)
    assert JobMemory(tmp_path / "job", LIMIT).held_bytes() >= 46 * MIB
    area.close()


def test_every_limit_on_the_path_has_its_room(tmp_path: Path) -> None:
    node, slice_, job = tmp_path / "node", tmp_path / "node/slice", tmp_path / "node/slice/job"
    write(node, stat(200), 200, limit=230)
    write(slice_, stat(150), 150, limit=None)
    write(job, stat(100), 100, limit=200)
    assert JobMemory(job, 200 * MIB).rooms() == {job: 100 * MIB, node: 30 * MIB}


def test_a_cgroup_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    for memory in (JobMemory(tmp_path / "gone", LIMIT), JobMemory(None, LIMIT)):
        assert memory.held_bytes() == 0
        assert memory.rooms() == {}
    assert not JobMemory(None, LIMIT).is_limited
    assert JobMemory(tmp_path / "gone", LIMIT).is_limited
