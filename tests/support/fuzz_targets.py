"""What reads bytes that a job can choose, each as a function of those bytes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from ebpftrace.act.policy.file import parse_policies
from ebpftrace.act.policy.matching import explain
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.errors import EbpftraceError
from ebpftrace.golang import buildinfo
from ebpftrace.history.recurring import recurring_job
from ebpftrace.host import cgroups, memstat, mounts, pressure, proc
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.jobs import JobResolver
from ebpftrace.probe.records import RECORDS, RecordDecoder
from ebpftrace.probe.structs import StructDecoder
from ebpftrace.process_names import executed_name
from ebpftrace.text import PATH_LIMIT, clean

PID = 4711
_STRUCTS = StructDecoder(calls=True, cpus=4, watermarks=True)
_POLICY = Policy(
    "p", Match(comms=("*a*b*c",), cgroups=("*/x*",), units=("*",)), (), Mode.ANY, ()
)


@dataclass(frozen=True, slots=True)
class FuzzTarget:
    """`read` is given a folder to write to, and the bytes.

    `most_steps` lines of Python are some ten milliseconds, up to thirty where a target has
    more; a policy, which an administrator writes, may take longer.
    """

    name: str
    read: Callable[[Path, bytes], object]
    most_steps: int = 100_000
    most_bytes: int = 1 << 20


@contextmanager
def folder() -> Iterator[Path]:
    """With the files of one process, which the targets overwrite."""
    with TemporaryDirectory(prefix="ebpftrace-fuzz-") as made:
        process = Path(made) / f"proc/{PID}"
        process.mkdir(parents=True)
        (process / "stat").write_bytes(b"4711 (sh) S 1 " + b"0 " * 17 + b"99 0 0\n")
        (process / "cmdline").write_bytes(b"sh\0")
        yield Path(made)


def _of_process(name: str, *reads: Callable[[Path], object]) -> Callable[[Path, bytes], object]:
    def read(folder: Path, raw: bytes) -> object:
        (folder / f"proc/{PID}/{name}").write_bytes(raw)
        return [each(folder) for each in reads]

    return read


def _cmdline(folder: Path) -> object:
    args = proc.read_cmdline(PID, folder / "proc")
    return executed_name("sh", "/bin/sh", args or ())


class _OnePath:
    """Every cgroup has the path that is fuzzed."""

    def __init__(self, raw: bytes) -> None:
        self._path = clean(raw, PATH_LIMIT)

    def path(self, _cgroup_id: int) -> str:
        return self._path

    def given_part(self, path: str) -> tuple[str, int]:
        return path, 0


def _identity(folder: Path, raw: bytes) -> object:
    """The first line is the cgroup's path, the rest the environment."""
    path, _, environ = raw.partition(b"\n")
    (folder / f"proc/{PID}/environ").write_bytes(environ)
    (folder / f"proc/{PID}/mountinfo").write_bytes(raw)
    resolver = JobResolver(cast(CgroupPaths, _OnePath(path)), folder)
    job = resolver.resolve(PID, 7, 1)
    shown = (job.key, job.name, job.identified_by, job.cgroup, job.restart_key, job.recurring)
    assert all(text.isprintable() for text in shown)
    assert len(job.name) <= 64
    return recurring_job(job), recurring_job(job, "image x"), explain([_POLICY], "sh", job)


def _record(_folder: Path, raw: bytes) -> object:
    """Bytes of every type of record, and a record of any type."""
    decoder = RecordDecoder(_STRUCTS)
    for number, record in enumerate(RECORDS, start=1):
        size = record.size(_STRUCTS)
        data = number.to_bytes(4, "little") + bytes(12) + raw[:size].ljust(size, b"\0")
        _decoded(decoder, data)
    return _decoded(decoder, raw)


def _decoded(decoder: RecordDecoder, data: bytes) -> object:
    try:
        return decoder.record(data)
    except EbpftraceError as error:
        return error


def _elf(folder: Path, raw: bytes) -> object:
    file = folder / "program"
    file.write_bytes(raw)
    buildinfo._cache.clear()
    return buildinfo.read_go_program(file), buildinfo.read_main_version(file)


def _cgroup_file(name: str, read: Callable[[Path], object]) -> Callable[[Path, bytes], object]:
    def write_and_read(folder: Path, raw: bytes) -> object:
        (folder / name).write_bytes(raw)
        return read(folder)

    return write_and_read


TARGETS = {
    target.name: target
    for target in (
        FuzzTarget("cgroup", _of_process(
            "cgroup",
            lambda root: cgroups.memory_cgroup(PID, root),
            lambda root: cgroups.v1_cgroup(PID, "freezer", root),
        )),
        FuzzTarget("stat", _of_process(
            "stat",
            lambda root: proc.read_stat(PID, root / "proc"),
            lambda root: proc.is_dying(PID, root / "proc"),
            lambda root: proc.living_thread(PID, root / "proc"),
        )),
        FuzzTarget("status", _of_process(
            "status",
            lambda root: proc.read_status(PID, root / "proc"),
            lambda root: proc.is_dying(PID, root / "proc"),
        )),
        FuzzTarget("smaps_rollup", _of_process(
            "smaps_rollup",
            lambda root: proc.read_private_bytes(PID, root / "proc"),
            lambda root: memstat.lazy_free_bytes(PID, root / "proc"),
        )),
        FuzzTarget("comm", _of_process(
            "comm", lambda root: proc.read_comm(PID, root / "proc")
        )),
        FuzzTarget("sessionid", _of_process(
            "sessionid", lambda root: proc.read_session(PID, root / "proc")
        )),
        FuzzTarget("cmdline", _of_process("cmdline", _cmdline)),
        FuzzTarget("environ", _of_process(
            "environ", lambda root: proc.read_environ(PID, root / "proc")
        ), most_steps=250_000),
        FuzzTarget("mountinfo", _of_process(
            "mountinfo", lambda root: list(mounts.mounts(root, PID))
        )),
        FuzzTarget("identity", _identity, most_steps=300_000),
        FuzzTarget("elf", _elf),
        FuzzTarget("record", _record),
        FuzzTarget("memory_stat", _cgroup_file("memory.stat", memstat.read_contents)),
        FuzzTarget("memory_pressure", _cgroup_file("memory.pressure", pressure.read_pressure)),
        FuzzTarget(
            "policy", lambda _folder, raw: parse_policies(raw, "policy.toml"),
            most_steps=5_000_000, most_bytes=16 << 20,
        ),
    )
}  # fmt: skip
