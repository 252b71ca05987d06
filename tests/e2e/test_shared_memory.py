"""Memory that several processes share counts once for a fuse: none is stopped or ended."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.acting import SECONDS, is_type, of_type, watching
from tests.support.build import sharing_binary
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.records import Watch

pytestmark = pytest.mark.kernel

MIB = 1 << 20
SHARED_MIB = 60
COMM = "sharing"


@contextmanager
def sharing(
    folder: Path, group: MemoryCgroup, kind: str, count: int, own_mib: int = 0
) -> Iterator[subprocess.Popen[bytes]]:
    """So many processes called COMM that share SHARED_MIB; each holds `own_mib` beside it."""
    program = folder / COMM
    shutil.copy(sharing_binary(), program)
    words = [kind, str(count), str(SHARED_MIB), str(own_mib)]
    process = group.run(
        [program, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.communicate()


def is_ready(process: subprocess.Popen[bytes]) -> bool:
    assert process.stdout is not None
    return process.stdout.readline() == b"ready\n"


def fused(folder: Path, fuse: str) -> tuple[str, ...]:
    file = folder / "policy.toml"
    file.write_text(f'[[policy]]\nname = "fuse"\nmatch.comm = "{COMM}"\nfuse = {fuse}\n')
    return ("--config", str(file))


def fused_watch(folder: Path, fuse: str) -> Watch:
    return watching(folder, *fused(folder, fuse), comm=COMM)


@pytest.mark.parametrize(
    ("kind", "count"),
    [("file", 2), ("file", 6), ("file", 30), ("memfd", 6), ("anon", 6), ("sysv", 6),
     ("twice", 4)],
)  # fmt: skip
@pytest.mark.parametrize(
    "fuse", ['{ bound = "110MiB" }', '{ bound = "110MiB", action = "kill" }'],
    ids=["stop", "kill"],
)  # fmt: skip
def test_no_process_is_stopped_for_what_all_of_them_share(
    tmp_path: Path, kind: str, count: int, fuse: str
) -> None:
    """60 MiB are charged; together the processes count 120 to 1800 MiB."""
    with (
        memory_cgroup() as group,
        fused_watch(tmp_path, fuse) as watch,
        sharing(tmp_path, group, kind, count) as process,
    ):
        assert is_ready(process)
        watch.next_snapshot()
        watch.next_snapshot()
        assert group.charge_bytes() < 110 * MIB
        assert len(group.pids()) == count + 1
        assert group.oom_kills() == 0
    assert of_type(watch, "fuse") == []
    assert of_type(watch, "step") == []


@pytest.mark.parametrize("kind", ["file", "anon"])
def test_what_each_holds_beside_it_is_stopped_all_the_same(tmp_path: Path, kind: str) -> None:
    """60 MiB are shared, and each of six takes 20 MiB of its own: 180 MiB."""
    with (
        memory_cgroup() as group,
        fused_watch(tmp_path, '{ bound = "110MiB" }') as watch,
        sharing(tmp_path, group, kind, 6, own_mib=20),
    ):
        stop = watch.wait_for(is_type("fuse"), SECONDS)
    assert stop["event"] == "stopped"
    assert 107 * MIB < stop["measured_bytes"] < 125 * MIB, stop
    assert "(fuse 1" in stop["sentence"], stop


@pytest.mark.parametrize("count", [2, 6])
def test_a_share_of_the_limit_is_not_reached_by_shared_memory(
    tmp_path: Path, count: int
) -> None:
    with memory_cgroup() as group:
        group.limit(160 * MIB)
        with (
            fused_watch(tmp_path, '"70%"') as watch,
            sharing(tmp_path, group, "file", count) as process,
        ):
            assert is_ready(process)
            watch.next_snapshot()
            watch.next_snapshot()
            assert len(group.pids()) == count + 1
    assert of_type(watch, "fuse") == []
    assert of_type(watch, "step") == []
