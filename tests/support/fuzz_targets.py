"""What reads bytes that a job can choose, each as a function of those bytes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from ebpftrace.act.actions.support import tracers
from ebpftrace.act.policy.file import parse_policies
from ebpftrace.errors import EbpftraceError
from ebpftrace.events import ProcessKey
from ebpftrace.golang import buildinfo
from ebpftrace.host import cgroups, children, memstat, mounts, pressure, proc
from ebpftrace.host.reading import owners
from ebpftrace.probe import watchdog
from ebpftrace.probe.records import RECORDS, RecordDecoder
from ebpftrace.probe.structs import StructDecoder
from ebpftrace.process_names import executed_name
from tests.support.fuzz_links import links, listed, sleeps
from tests.support.fuzz_names import PID, Reads, given_part, identity

_STAT = b"4711 (sh) S 1 " + b"0 " * 17 + b"99 0 0\n"
MOST_STEPS = 160_000
"""Lines of Python, which take 10 ms: those of the readers that run most of them took some 60 ns
each on the development machine, without being counted."""

MOST_BYTES = 1 << 20
_STRUCTS = StructDecoder(calls=True, cpus=4, watermarks=True)


@dataclass(frozen=True, slots=True)
class FuzzTarget:
    """`reads` writes the bytes into a folder, and returns what reads them there.

    Each of these is bounded by itself: `most_steps` lines of Python, and `most_bytes` of memory
    beyond the bytes, which lie in files. `most_input_bytes` is more than any of them reads. A
    policy is an administrator's, so that it may take longer.
    """

    name: str
    reads: Callable[[Path, bytes], Reads]
    most_input_bytes: int = 160 << 10
    most_steps: int = MOST_STEPS
    most_bytes: int = MOST_BYTES


@contextmanager
def folder() -> Iterator[Path]:
    """With the files of one process, which the targets overwrite."""
    with TemporaryDirectory(prefix="ebpftrace-fuzz-") as made:
        process = Path(made) / f"proc/{PID}"
        process.mkdir(parents=True)
        (process / "stat").write_bytes(_STAT)
        (process / "cmdline").write_bytes(b"sh\0")
        yield Path(made)


def _of_process(name: str, *reads: Callable[[Path], object]) -> Callable[[Path, bytes], Reads]:
    def prepared(folder: Path, raw: bytes) -> Reads:
        (folder / f"proc/{PID}/{name}").write_bytes(raw)
        return [partial(each, folder) for each in reads]

    return prepared


def _of_stopped(name: str, *reads: Callable[[Path], object]) -> Callable[[Path, bytes], Reads]:
    """Of a process that the watchdog looks at, too, which survives no error but OSError."""

    def prepared(folder: Path, raw: bytes) -> Reads:
        process = folder / f"proc/{PID}"
        thread = process / f"task/{PID}"
        thread.mkdir(parents=True)
        (process / "status").touch()
        (thread / "wchan").touch()
        (thread / "stat").write_bytes(_STAT)
        (process / name).write_bytes(raw)
        if name == "stat":
            (thread / name).write_bytes(raw)
        found = proc.read_stat(PID, folder / "proc")
        starts = (0, found.start_boottime_ns if found else 1)
        watched = [partial(_is_stopped, folder, start_ns) for start_ns in starts]
        return [*(partial(each, folder) for each in reads), *watched]

    return prepared


def _is_stopped(root: Path, start_boottime_ns: int) -> None:
    with suppress(OSError):
        watchdog.is_stopped(PID, start_boottime_ns, str(root / "proc"))


def _thread_is_stopped(root: Path) -> None:
    """Where only the thread's file is what was written."""
    (root / f"proc/{PID}/stat").write_bytes(_STAT)
    start = proc.read_stat(PID, root / "proc")
    assert start is not None
    _is_stopped(root, start.start_boottime_ns)


def _cmdline(folder: Path) -> object:
    args = proc.read_cmdline(PID, folder / "proc")
    return executed_name("sh", "/bin/sh", args or ())


def _children(folder: Path, raw: bytes) -> Reads:
    thread = folder / f"proc/{PID}/task/{PID}"
    thread.mkdir(parents=True, exist_ok=True)
    (thread / "children").write_bytes(raw)
    (folder / "proc/self").symlink_to(str(PID))
    parent = proc.read_stat(PID, folder / "proc")
    assert parent is not None
    key = ProcessKey(PID, parent.start_boottime_ns)
    return [lambda: list(children.descendants([key], folder / "proc", most_reads=256))]


def _record(_folder: Path, raw: bytes) -> Reads:
    """Bytes of every type of record, and a record of any type."""
    decoder = RecordDecoder(_STRUCTS)
    records = [raw]
    for number, record in enumerate(RECORDS, start=1):
        size = record.size(_STRUCTS)
        head = number.to_bytes(4, "little") + bytes(12)
        records.append(head + raw[:size].ljust(size, b"\0"))
    return [partial(_decoded, decoder, record) for record in records]


def _decoded(decoder: RecordDecoder, data: bytes) -> object:
    try:
        return decoder.record(data)
    except EbpftraceError as error:
        return error


def _elf(folder: Path, raw: bytes) -> Reads:
    file = folder / "program"
    file.write_bytes(raw)
    buildinfo._cache.clear()
    return [
        partial(read, file) for read in (buildinfo.read_go_program, buildinfo.read_main_version)
    ]


def _cgroup_file(name: str, read: Callable[[Path], object]) -> Callable[[Path, bytes], Reads]:
    def prepared(folder: Path, raw: bytes) -> Reads:
        (folder / name).write_bytes(raw)
        return [partial(read, folder)]

    return prepared


TARGETS = {
    target.name: target
    for target in (
        FuzzTarget("cgroup", _of_process(
            "cgroup",
            lambda root: cgroups.memory_cgroup(PID, root),
            lambda root: cgroups.v1_cgroup(PID, "freezer", root),
        ), 256 << 10),
        FuzzTarget("stat", _of_stopped(
            "stat",
            lambda root: proc.read_stat(PID, root / "proc"),
            lambda root: proc.is_dying(PID, root / "proc"),
            lambda root: proc.living_thread(PID, root / "proc"),
            _thread_is_stopped,
        )),
        FuzzTarget("status", _of_stopped(
            "status",
            lambda root: proc.read_status(PID, root / "proc"),
            lambda root: tracers._ids(PID, root / "proc"),
            lambda root: owners.owner_of(PID, root / "proc"),
            lambda root: proc.is_dying(PID, root / "proc"),
        ), 1100 << 10),
        FuzzTarget("smaps_rollup", _of_process(
            "smaps_rollup",
            lambda root: proc.read_private_bytes(PID, root / "proc"),
            lambda root: memstat.lazy_free_bytes(PID, root / "proc"),
        ), 1200 << 10),
        FuzzTarget("comm", _of_process(
            "comm", lambda root: proc.read_comm(PID, root / "proc")
        )),
        FuzzTarget("sessionid", _of_process(
            "sessionid", lambda root: proc.read_session(PID, root / "proc")
        )),
        FuzzTarget("cmdline", _of_process("cmdline", _cmdline)),
        FuzzTarget("environ", _of_process(
            "environ", lambda root: proc.read_environ(PID, root / "proc")
        ), 2200 << 10),
        FuzzTarget("mountinfo", _of_process(
            "mountinfo", lambda root: list(mounts.mounts(root, PID))
        )),
        FuzzTarget("given_part", given_part),
        FuzzTarget("children", _children),
        # For a pod the environment is read twice, for the pod's name and for a CI run.
        FuzzTarget("identity", identity, 2200 << 10, 2 * MOST_STEPS),
        FuzzTarget("elf", _elf, 1200 << 10),
        FuzzTarget("record", _record),
        FuzzTarget("links", links),
        # Of a job with very many processes; a buffer for all of them is there at once.
        FuzzTarget("cgroup_procs", listed, most_bytes=6 << 20),
        FuzzTarget("wchan", sleeps),
        FuzzTarget("memory_stat", _cgroup_file("memory.stat", memstat.read_contents)),
        FuzzTarget("memory_pressure", _cgroup_file("memory.pressure", pressure.read_pressure)),
        FuzzTarget(
            "policy", lambda _folder, raw: [lambda: parse_policies(raw, "policy.toml")],
            most_steps=5_000_000, most_bytes=16 << 20,
        ),
    )
}  # fmt: skip
