"""Lazily freed memory, confirmed by smaps_rollup (fake folders and a scripted clock)."""

from pathlib import Path

import pytest

from ebpftrace.counters import CgroupContents
from ebpftrace.host import memstat
from ebpftrace.host.memstat import LazyFree, confirmed_now, lazy_free_bytes
from ebpftrace.units import KIB, MIB, NS_PER_SECOND


class Machine:
    """A cgroup, its processes, and a clock that a look at it moves by `slow_ns`."""

    def __init__(self, folder: Path) -> None:
        self.now_ns = 0
        self.slow_ns = 1_000_000
        self.folder = folder
        self.proc = folder / "proc"
        self.lazy = LazyFree(self._clock, self.proc)

    def _clock(self) -> int:
        self.now_ns += self.slow_ns
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

    def confirmed(self, shown_mib: int, *, near: bool = False) -> int:
        contents = CgroupContents(anon_bytes=400 * MIB, lazy_bytes=shown_mib * MIB)
        return self.lazy.confirm(42, contents, self.folder, near=near).lazy_bytes // MIB


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
    assert machine.confirmed(250) == 250
    machine.now_ns += NS_PER_SECOND
    assert machine.confirmed(200) == 50


@pytest.mark.parametrize(("near", "counted"), [(False, 200), (True, 50)])
def test_near_the_limit_it_is_read_more_often(
    machine: Machine, near: bool, counted: int
) -> None:
    """A reading takes some 20 ms here."""
    machine.freed(200)
    machine.slow_ns = 10_000_000
    assert machine.confirmed(200, near=near) == 200
    machine.freed(50)
    machine.now_ns += NS_PER_SECOND
    assert machine.confirmed(200, near=near) == counted


def test_at_a_breach_it_is_read_at_once(machine: Machine) -> None:
    contents = CgroupContents(anon_bytes=400 * MIB, lazy_bytes=200 * MIB)
    for mib in (200, 50):
        machine.freed(mib)
        found = confirmed_now(contents, machine.folder, proc=machine.proc)
        by_process = ((4711, mib * MIB),)
        assert found == contents._replace(lazy_bytes=mib * MIB, lazy_by_process=by_process)


def test_each_process_has_its_part_and_what_is_not_known_may_be_of_any(
    machine: Machine,
) -> None:
    machine.freed(150, 0, 50)
    shown = CgroupContents(anon_bytes=400 * MIB, lazy_bytes=210 * MIB)
    found = machine.lazy.confirm(42, shown, machine.folder)
    assert [found.most_lazy_bytes(pid) // MIB for pid in (4711, 4712, 4713)] == [150, 0, 50]
    later = machine.lazy.confirm(42, shown._replace(lazy_bytes=230 * MIB), machine.folder)
    assert [later.most_lazy_bytes(pid) // MIB for pid in (4711, 4712, 4713)] == [170, 20, 70]


def test_a_process_too_large_to_be_read_counts_as_shown(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.freed(50)
    monkeypatch.setattr(memstat, "bounded", lambda _pid, _read: None)
    assert lazy_free_bytes(4711, machine.proc) is None
    assert machine.confirmed(200) == 200


def test_a_process_that_cannot_be_read_has_none(tmp_path: Path) -> None:
    assert lazy_free_bytes(1, tmp_path) == 0
    (tmp_path / "1").mkdir()
    (tmp_path / "1/smaps_rollup").write_text("Rss: 4 kB\n")
    assert lazy_free_bytes(1, tmp_path) == 0
    (tmp_path / "1/smaps_rollup").write_text("LazyFree: 4 kB\n")
    assert lazy_free_bytes(1, tmp_path) == 4 * KIB
