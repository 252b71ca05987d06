"""What is compiled elsewhere and loaded here: refusals, and what a watch leaves in memory."""

import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench import hotpath
from bench.empty import HOT_TRACEPOINTS
from ebpftrace.errors import ProbeError
from ebpftrace.probe import Selection
from ebpftrace.probe.kernel import KernelProbe
from ebpftrace.probe.loading import layout
from ebpftrace.probe.loading.compiler import compile_programs
from ebpftrace.probe.loading.known_types import KnownTypes
from ebpftrace.probe.loading.loops import iterator_calls
from ebpftrace.probe.loading.objects import MapShape, Objects
from ebpftrace.probe.loading.programs import Programs
from ebpftrace.probe.loading.reads import direct_reads
from ebpftrace.units import MIB
from tests.support.build import ROOT
from tests.support.leftovers import assert_gone, programs_of
from tests.support.names import COMM
from tests.support.observer import Observer
from tests.support.workload import status

NOTHING = struct.pack("=BBhiBBhi", 0xB7, 0, 0, 0, 0x95, 0, 0, 0)  # r0 = 0; exit
NO_RESULT = struct.pack("=BBhi", 0x95, 0, 0, 0)  # exit, with r0 never set


@contextmanager
def watch(cache: Path) -> Iterator[int]:
    """The pid of a watch that has printed its first snapshot."""
    process = subprocess.Popen(
        (sys.executable, "-m", "ebpftrace", "watch", "--comm", "e2e-none", "--output", "jsonl"),
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "EBPFTRACE_CACHE_DIR": str(cache)},
    )
    assert process.stdout is not None
    try:
        lines = (line for line in process.stdout if b'"type":"snapshot"' in line)
        assert next(lines, None) is not None
        yield process.pid
    finally:
        process.terminate()
        process.communicate()


def test_watch_has_no_compiler_in_its_memory(
    tmp_path: Path,
) -> None:
    """Two at once: what they share counts for both, and could not be given back."""
    cache = tmp_path / "cache"
    with watch(cache) as first:
        (file,) = cache.glob("*.objects")
        written = file.stat().st_ino
        with watch(cache) as second:
            assert [kept.stat().st_ino for kept in cache.glob("*.objects")] == [written]
            for pid in (first, second):
                assert "libLLVM" not in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
                assert status(pid)["VmRSS"] < 34 * MIB


def test_compile_error_has_the_compilers_output() -> None:
    with pytest.raises(ProbeError, match="do not compile") as caught:
        compile_programs(("-DCPUS=2",))
    assert "error:" in caught.value.why


def test_refused_program_has_the_verifiers_output() -> None:
    programs = Programs(Objects({}, {"bad": NO_RESULT}))
    with pytest.raises(ProbeError, match="the kernel refuses the program bad") as caught:
        programs.load("bad")
    assert "R0 !read_ok" in caught.value.why
    programs.close()


def test_programs_loaded_at_once_are_each_loaded_and_the_refused_one_is_named() -> None:
    code = {f"on_{number}": NOTHING for number in range(20)}
    programs = Programs(Objects({}, code))
    programs.load_all(code, {})
    loaded = programs_of(os.getpid())
    programs.attach_raw("on_7", "sched_process_exit")
    assert len(loaded) == 20 == len(programs_of(os.getpid()))
    programs.close()
    refused = Programs(Objects({}, {**code, "bad": NO_RESULT}))
    with pytest.raises(ProbeError, match="the kernel refuses the program bad") as caught:
        refused.load_all(code | {"bad": NO_RESULT}, {})
    assert "R0 !read_ok" in caught.value.why
    refused.close()


def test_nothing_is_attached_meanwhile_and_all_is_closed_if_that_fails() -> None:
    before = set(Path("/proc/self/fd").iterdir())
    attached: list[str] = []

    def fail() -> None:
        attached.extend(name for name, _ in hotpath.programs(os.getpid()))
        raise ProbeError("no view")

    with pytest.raises(ProbeError, match="no view"):
        KernelProbe(Selection(comms=(COMM,)), meanwhile=fail)
    assert attached == []
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_refused_map_is_named() -> None:
    shape = MapShape(2, 4, 8, 0, 0)  # an array without entries
    with pytest.raises(ProbeError, match="the kernel refuses the map empty"):
        Programs(Objects({"good": MapShape(2, 4, 8, 1, 0), "empty": shape}, {}))


def test_missing_tracepoint_is_named() -> None:
    programs = Programs(Objects({}, {"on_it": NOTHING}))
    with pytest.raises(ProbeError, match="does not attach to no_such_tracepoint"):
        programs.attach_raw("on_it", "no_such_tracepoint")
    with pytest.raises(ProbeError, match="does not attach to sched:no_such_tracepoint"):
        programs.attach_tracepoint("on_it", "sched:no_such_tracepoint")
    programs.close()
    programs.close()


def test_close_leaves_no_descriptor_open() -> None:
    before = set(Path("/proc/self/fd").iterdir())
    programs = Programs(Objects({"map": MapShape(2, 4, 8, 1, 0)}, {"on_it": NOTHING}))
    programs.attach_raw("on_it", "sched_process_exit")
    assert set(Path("/proc/self/fd").iterdir()) > before
    programs.close()
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_programs_are_detached_after_kill_9() -> None:
    hold = (
        "import time\n"
        "from ebpftrace.probe import Selection\n"
        "from ebpftrace.probe.kernel import KernelProbe\n"
        "probe = KernelProbe(Selection(comms=('exact',)), mapping_calls=True)\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    held = programs_of(process.pid)
    assert len(held) > 10
    process.kill()
    process.wait()
    process.stdout.close()
    assert_gone(held)


def test_programs_of_the_hot_path_are_found_by_their_tracepoints() -> None:
    observer = Observer(Selection(comms=(COMM,)))
    found = dict(hotpath.programs(os.getpid()))
    observer.close()
    assert "rss_stat" in found
    assert set(found) <= set(HOT_TRACEPOINTS)
    assert min(program.instructions for program in found.values()) > 50, found
    assert not list(hotpath.programs(os.getpid()))


@pytest.mark.parametrize(
    ("policies", "iterators", "most"),
    [
        (False, True, 90_000),
        (True, True, 150_000),
        (False, False, 220_000),
        (True, False, 320_000),
    ],
)
def test_verifier_follows_no_more_instructions_than_a_start_has_time_for(
    policies: bool, iterators: bool, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes about a microsecond of every start; what they are depends on the kernel."""
    types = KnownTypes()
    if not direct_reads(types):
        pytest.skip("programs read memory by a helper here, which the verifier follows longer")
    if iterators and not iterator_calls(types):
        pytest.skip("the kernel has no iterators over numbers: before Linux 6.4")
    if not iterators:
        monkeypatch.setattr(layout, "iterator_calls", lambda _types: {})
    observer = Observer(Selection(comms=(COMM,)), watermarks=policies)
    verified = [
        int(count)
        for file in Path("/proc/self/fdinfo").iterdir()
        if file.exists()
        for count in re.findall(r"^verified_insns:\s*(\d+)$", file.read_text(), re.MULTILINE)
    ]
    observer.close()
    if not verified:
        pytest.skip("the kernel does not say how many they are: before Linux 5.16")
    assert len(verified) > 10
    assert sum(verified) <= most


def test_close_detaches_every_program() -> None:
    before = programs_of(os.getpid())
    observer = Observer(Selection(comms=(COMM,)))
    held = programs_of(os.getpid()) - before
    assert len(held) > 10
    observer.close()
    assert_gone(held)
