"""memory.stat of a v1 and a v2 cgroup, as the kernels print them (fake folders)."""

from pathlib import Path
from typing import Any

import pytest

from ebpftrace.counters import CgroupContents
from ebpftrace.host.memstat import read_contents

V1 = """cache 1
rss 2
shmem 3
total_cache 11096064
total_rss 13746176
total_rss_huge 0
total_shmem 9068544
total_mapped_file 7655424
total_workingset_refault_anon 5
total_workingset_refault_file 3948
total_pgmajfault 17
"""
V2 = """anon 13746176
file 11096064
kernel 700000
sock 30000
slab 500000
slab_reclaimable 400000
shmem 9068544
workingset_refault_anon 5
workingset_refault_file 3948
pgmajfault 17
"""
CONTENTS = CgroupContents(13746176, 9068544, 11096064 - 9068544, 3953, 17)
KERNEL: dict[str, Any] = {"kernel_bytes": 730000, "reclaimable_bytes": 400000}


def test_v1_includes_the_cgroups_below(tmp_path: Path) -> None:
    (tmp_path / "memory.stat").write_text(V1)
    assert read_contents(tmp_path) == CONTENTS


def test_v2_memory_stat_is_parsed(tmp_path: Path) -> None:
    (tmp_path / "memory.stat").write_text(V2)
    assert read_contents(tmp_path) == CONTENTS._replace(**KERNEL)


def test_v2_before_5_18_shows_the_parts_of_kernel_memory(tmp_path: Path) -> None:
    parts = "slab 500000\nkernel_stack 16384\npagetables 180000\npercpu 3616\n"
    before = V2.replace("kernel 700000\n", "").replace("slab 500000\n", parts)
    (tmp_path / "memory.stat").write_text(before)
    assert read_contents(tmp_path) == CONTENTS._replace(**KERNEL)


def test_removed_cgroup_has_no_contents(tmp_path: Path) -> None:
    assert read_contents(tmp_path / "gone") is None


def test_other_lines_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "memory.stat").write_text("anon 4096\nhalf\nnew_field not-a-number\n")
    assert read_contents(tmp_path) == CgroupContents(anon_bytes=4096, kernel_bytes=0)


def test_as_much_slab_is_kept_as_cannot_be_reclaimed(tmp_path: Path) -> None:
    """Of a tmpfs file the kernel calls the name reclaimable, and the inode not."""
    for kept, droppable in ((100000, 300000), (450000, 0)):
        (tmp_path / "memory.stat").write_text(f"{V2}slab_unreclaimable {kept}\n")
        contents = read_contents(tmp_path)
        assert contents is not None
        assert contents.reclaimable_bytes == droppable


@pytest.mark.parametrize(("prefix", "text"), [("total_", V1), ("", V2)], ids=["v1", "v2"])
@pytest.mark.parametrize(
    ("inactive", "active", "lazy"),
    [
        (2027520, 0, 0),  # the page cache, without shmem
        (2000000, 0, 0),  # a part of it is locked, or not on a list yet
        (2027520 + 5000000, 0, 5000000),
        (27520 + 5000000, 2000000, 5000000),
        (2027520 + 50000000, 0, 13746176),  # never more than there is
    ],
)
def test_anon_pages_on_the_lists_of_files_were_freed_lazily(
    tmp_path: Path, prefix: str, text: str, inactive: int, active: int, lazy: int
) -> None:
    lists = f"{prefix}inactive_file {inactive}\n{prefix}active_file {active}\n"
    (tmp_path / "memory.stat").write_text(text + lists)
    contents = read_contents(tmp_path)
    assert contents is not None
    assert contents.lazy_bytes == lazy
