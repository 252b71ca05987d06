"""Lazily freed memory, confirmed by smaps_rollup (fake folders and a scripted clock)."""

from pathlib import Path

import pytest

from ebpftrace.counters import CgroupContents
from ebpftrace.host.lazy_free import LazyFree, lazy_free_bytes
from ebpftrace.units import KIB, MIB, NS_PER_SECOND


class Machine:
    """A cgroup, its processes, and a clock; every look at the clock takes a millisecond."""

    def __init__(self, folder: Path) -> None:
        self.now_ns = 0
        self.folder = folder
        self.proc = folder / "proc"
        self.lazy = LazyFree(self._clock, self.proc)

    def _clock(self) -> int:
        self.now_ns += 1_000_000
        return self.now_ns

    def freed(self, *mibs: int) -> None:
        """Processes that freed so much lazily."""
        pids = range(4711, 4711 + len(mibs))
        (self.folder / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids))
        for pid, mib in zip(pids, mibs, strict=True):
            (self.proc / str(pid)).mkdir(parents=True, exist_ok=True)
            (self.proc / str(pid) / "smaps_rollup").write_text(
                f"00400000-7ffd rollup\nRss: 900000 kB\nLazyFree:  {mib * 1024} kB\n"
            )

    def confirmed(self, shown_mib: int) -> int:
        contents = CgroupContents(anon_bytes=400 * MIB, lazy_bytes=shown_mib * MIB)
        return self.lazy.confirm(42, contents, self.folder).lazy_bytes // MIB


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("freed", "shown", "counted"),
    [
        ((200,), 200, 200),
        ((150, 50), 200, 200),
        ((40,), 200, 40),  # the rest was written to since
        ((0,), 200, 0),
        ((300,), 200, 200),  # shared by fork: never more than the cgroup's own figure
        ((10,), 10, 0),  # too little to look for
        ((), 200, 0),
    ],
)
def test_what_was_not_written_to_since_counts(
    machine: Machine, freed: tuple[int, ...], shown: int, counted: int
) -> None:
    machine.freed(*freed)
    assert machine.confirmed(shown) == counted


def test_between_readings_the_last_one_counts(machine: Machine) -> None:
    machine.freed(200)
    assert machine.confirmed(200) == 200
    machine.freed(50)
    assert machine.confirmed(200) == 200
    assert machine.confirmed(120) == 120  # memory.stat is read each time
    machine.now_ns += NS_PER_SECOND
    assert machine.confirmed(200) == 50


def test_a_process_that_cannot_be_read_has_none(tmp_path: Path) -> None:
    assert lazy_free_bytes(1, tmp_path) == 0
    (tmp_path / "1").mkdir()
    (tmp_path / "1/smaps_rollup").write_text("Rss: 4 kB\n")
    assert lazy_free_bytes(1, tmp_path) == 0
    (tmp_path / "1/smaps_rollup").write_text("LazyFree: 4 kB\n")
    assert lazy_free_bytes(1, tmp_path) == 4 * KIB
