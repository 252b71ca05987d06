import re
import subprocess
import sys

import pytest

from ebpftrace.heap import (
    DEFAULT_LEAST_BYTES,
    LEAST_BYTES,
    MemoryBound,
    default_bound,
    processes_within,
)
from ebpftrace.units import GIB, KIB, MIB

# Every sixteenth block is kept: the C library gives back no more than its heap's end by itself.
_PROGRAM = """if True:
    import os
    from pathlib import Path
    from ebpftrace import heap

    def resident_pages():
        return int(Path("/proc/self/statm").read_text().split()[1])

    blocks = [b"x" * (64 << 10) for _ in range(512)]
    kept = blocks[::16]
    blocks.clear()
    before = resident_pages()
    heap.trim()
    print((before - resident_pages()) * os.sysconf("SC_PAGE_SIZE"))
"""

_COLLECTS = """if True:
    import gc, sys
    from ebpftrace import __main__, cli, heap
    collect = heap.collect_from_now_on

    def report():
        collect()
        print(gc.isenabled(), gc.get_freeze_count() > 1000)

    heap.collect_from_now_on = report
    if "watch" in sys.argv:  # without BPF: what it has imported up to here
        import ebpftrace.engine.environment as environment
        report_off = lambda *_, **_options: (print(gc.isenabled()), sys.exit())
        environment.KernelProbe = report_off
    __main__.main()
"""

_KEEPS_TUPLES = """if True:
    import sys
    from ebpftrace import heap

    many = [(number,) * 13 for number in range(1000)]
    del many
    if sys.argv[1] == "collects":
        heap.collect_from_now_on()
    bound = heap.MemoryBound(1 << 40)
    for _ in range(sys.argv.count("looks")):
        bound.look(1, 0)
    sys._debugmallocstats()
"""


def _kept_tuples(*when: str) -> int:
    """How many free tuples of length 13 Python keeps, after a thousand were freed."""
    done = subprocess.run(
        [sys.executable, "-c", _KEEPS_TUPLES, *when], capture_output=True, text=True, check=True
    )
    found = re.search(r"(\d+) free 13-sized PyTupleObjects", done.stderr)
    assert found is not None, done.stderr
    return int(found[1])


def _run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


def test_what_was_freed_is_given_back() -> None:
    assert int(_run(_PROGRAM)) > 20 * MIB


def test_tuples_that_python_keeps_are_freed_with_the_first_collection() -> None:
    assert _kept_tuples("does not") >= 1000
    assert _kept_tuples("collects") < 100


def test_tuples_that_python_keeps_are_freed_once_all_was_read_again() -> None:
    assert _kept_tuples("looks") >= 1000
    assert _kept_tuples("looks", "looks") < 100


def test_garbage_is_collected_once_a_command_is_imported() -> None:
    assert _run(_COLLECTS, "completion", "bash").splitlines()[0] == "True True"


def test_watch_collects_no_garbage_while_it_imports() -> None:
    assert _run(_COLLECTS, "watch", "--once", "--no-config") == "False\n"


@pytest.mark.parametrize(
    ("bound", "processes"),
    [
        (LEAST_BYTES - 1, 64), (LEAST_BYTES, 64), (128 * MIB, 384), (256 * MIB, 1216),
        (DEFAULT_LEAST_BYTES - 1, 8128), (DEFAULT_LEAST_BYTES, 8192), (GIB, 6144),
        (3 * GIB, 16_384), (11 * GIB, 65_536), (600 * GIB, 65_536),
    ],
)  # fmt: skip
def test_tables_have_room_for_what_fits_below_the_bound(bound: int, processes: int) -> None:
    assert processes_within(bound) == processes


def test_default_is_a_quarter_of_the_memory_and_never_less_than_the_usual_tables_need() -> None:
    assert default_bound(24 * GIB) == 6 * GIB
    assert default_bound(GIB) == default_bound(None) == 1344 * MIB


class Process:
    """The watch's own process: its memory is what a test sets."""

    def __init__(self, bound: int, resident: int) -> None:
        self.resident = resident
        self.reads = self.sheds = 0
        self.freed = 0  # by each shed
        self.watched = 0
        self.bound = MemoryBound(bound, self._shed, self._read)
        self.bound.look(resident, 0)

    def _read(self) -> int:
        self.reads += 1
        return self.resident

    def _shed(self) -> None:
        self.sheds += 1
        self.resident -= self.freed

    def start(self, count: int, each: int = 4 * KIB) -> int:
        """So many processes start; how many of them are watched."""
        admitted = 0
        for _ in range(count):
            if self.bound.admits(self.watched):
                admitted += 1
                self.watched += 1
                self.resident += each
        return admitted

    def tick(self) -> None:
        self.bound.look(self.resident, self.watched)


def test_processes_are_watched_while_there_is_room() -> None:
    process = Process(128 * MIB, 30 * MIB)
    assert process.start(20_000) == 20_000
    assert process.sheds == process.bound.refused == 0
    assert process.reads < 20  # and not once for each process


def test_flood_between_two_snapshots_does_not_pass_the_bound() -> None:
    process = Process(100 * MIB, 30 * MIB)
    assert process.start(100_000, each=30 * KIB) < 2500
    assert process.resident < 101 * MIB
    assert process.bound.refused > 97_000
    assert process.reads < 100
    assert len(process.bound.take_remarks()) == 1
    assert process.bound.take_remarks() == []


def test_what_can_be_dropped_is_dropped_first() -> None:
    process = Process(100 * MIB, 30 * MIB)
    process.resident, process.freed = 101 * MIB, 20 * MIB
    process.tick()
    assert (process.sheds, process.start(10)) == (1, 10)
    assert process.bound.refused == 0


def test_there_is_room_again_once_memory_was_freed() -> None:
    process = Process(100 * MIB, 30 * MIB)
    process.resident = 101 * MIB
    process.tick()
    assert process.start(3) == 0
    process.resident = 60 * MIB
    process.tick()
    assert process.start(3) == 3
    assert process.bound.refused == 3


def test_there_is_room_in_the_place_of_those_that_ended() -> None:
    """What they took stays resident: it is freed within the heap, and used again."""
    process = Process(100 * MIB, 30 * MIB)
    process.start(1000)
    process.tick()
    process.resident = 101 * MIB
    process.tick()
    assert process.start(1) == 0
    process.watched = 500
    process.tick()
    assert process.start(1000, each=0) == 1000 * 7 // 8 - 500
    process.tick()
    assert process.start(1000, each=0) == 0
