"""What memory.stat and memory.pressure add, from folders that are made here."""

from pathlib import Path

import pytest

from ebpftrace.counters import CgroupCounters
from ebpftrace.engine.cgroups.files import CgroupFiles
from ebpftrace.events import CgroupRead
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.host.mounts import MemoryHierarchy

READ = CgroupRead(5, 7, CgroupCounters(charge_bytes=4096))
STAT = "anon 100\nfile 200\nshmem 50\n"
PRESSURE = "some avg10=1.00 avg60=0.00 avg300=0.00 total=7\n"


@pytest.fixture
def paths(tmp_path: Path) -> CgroupPaths:
    build = tmp_path / "ci/build-42"
    build.mkdir(parents=True)
    (build / "memory.stat").write_text(STAT)
    (build / "memory.pressure").write_text(PRESSURE)
    made = CgroupPaths(MemoryHierarchy("v2", tmp_path))
    made.learn(7, "/ci/build-42")
    return made


def test_contents_and_pressure_are_added(paths: CgroupPaths) -> None:
    counters = CgroupFiles(paths, pressure=True).complete(READ).counters
    assert counters.charge_bytes == 4096
    assert counters.contents is not None
    assert counters.contents.anon_bytes == 100
    assert counters.pressure is not None
    assert counters.pressure.some_ns == 7000


def test_pressure_is_not_read_unless_asked_for(paths: CgroupPaths) -> None:
    assert CgroupFiles(paths, pressure=False).complete(READ).counters.pressure is None


def test_unknown_cgroup_is_left_as_it_is(paths: CgroupPaths) -> None:
    unknown = CgroupRead(5, 1 << 40, CgroupCounters(charge_bytes=1))
    assert CgroupFiles(paths, pressure=True).complete(unknown) == unknown


def test_removed_cgroup_keeps_its_counters(paths: CgroupPaths) -> None:
    paths.learn(8, "/ci/gone")
    removed = CgroupRead(5, 8, CgroupCounters(charge_bytes=1))
    assert CgroupFiles(paths, pressure=True).complete(removed) == removed


def test_root_cgroup_has_no_folder(paths: CgroupPaths, tmp_path: Path) -> None:
    paths.learn(1, "/")
    files = CgroupFiles(paths, pressure=True)
    assert files.folder(1) is None
    assert files.folder(7) == tmp_path / "ci/build-42"
