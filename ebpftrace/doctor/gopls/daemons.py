"""gopls daemons that listen at a Unix socket, and the clients that are connected to them."""

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ebpftrace.doctor.gopls.processes import GoplsProcess
from ebpftrace.doctor.gopls.unix_sockets import UnixSocket, socket_inodes, unix_sockets
from ebpftrace.doctor.node.jobs import job_of, pids
from ebpftrace.errors import NotPermittedError
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.host.mounts import MemoryHierarchy
from ebpftrace.host.proc import read_cmdline
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.jobs.resolver import JobResolver
from ebpftrace.text import PATH_LIMIT, clean

_MOST_PROCESSES = 16_384
_MOST_INODES = 1 << 20


class DaemonClient(NamedTuple):
    """A process that is connected to a daemon.

    `begins_daemon`: it starts a daemon where none listens (-remote=auto).
    """

    pid: int
    job: JobIdentity
    begins_daemon: bool


class GoplsDaemon(NamedTuple):
    """A gopls that listens. `job` is the one in whose memory cgroup it is, None if unknown.

    `unknown` counts connections whose other end no process of ours has: it is in another
    network namespace, or has ended.
    """

    process: GoplsProcess
    job: JobIdentity | None
    socket: str  # its path; an abstract name begins with "@"
    clients: tuple[DaemonClient, ...]
    unknown: int = 0


class _Listener(NamedTuple):
    process: GoplsProcess
    name: bytes
    peers: tuple[int, ...]


def gopls_daemons(
    processes: Sequence[GoplsProcess], hierarchy: MemoryHierarchy, root: Path = Path("/")
) -> list[GoplsDaemon]:
    """Those of the processes that listen at a Unix socket, with their clients.

    Of each client only the first 4,096 open files are looked at. Empty if the kernel does not
    list sockets.
    """
    proc = root / "proc"
    listeners: list[_Listener] = []
    with contextlib.suppress(OSError):
        listeners = list(_listeners(processes, proc))
    wanted = {peer for each in listeners for peer in each.peers}
    holders = _holders(wanted, root) if wanted else {}
    paths = CgroupPaths(hierarchy)
    try:
        resolver = JobResolver(paths, root)

        def job(pid: int) -> JobIdentity | None:
            with contextlib.suppress(OSError, NotPermittedError):
                return job_of(pid, paths, resolver, root)
            return None

        found = []
        for process, name, peers in listeners:
            its = sorted({pid for peer in peers for pid in holders.get(peer, ())})
            jobs = [(pid, job(pid)) for pid in its]
            clients = tuple(
                DaemonClient(pid, each, begins_daemon(read_cmdline(pid, proc) or ()))
                for pid, each in jobs
                if each is not None
            )
            unknown = sum(peer not in holders for peer in peers)
            path = clean(name.replace(b"\0", b"@", 1).removesuffix(b"\0"), PATH_LIMIT)
            found.append(GoplsDaemon(process, job(process.pid), path, clients, unknown))
        return found
    finally:
        paths.close()


def _listeners(processes: Sequence[GoplsProcess], proc: Path) -> Iterator[_Listener]:
    """OSError."""
    if not processes:
        return
    owner = {inode: one for one in processes for inode in socket_inodes(one.pid, proc)}
    own: dict[int, list[UnixSocket]] = defaultdict(list)
    for each in unix_sockets():
        if each.inode in owner:
            own[owner[each.inode].pid].append(each)
    for process in processes:
        names = {each.name for each in own[process.pid] if each.is_listening and each.name}
        for name in sorted(names):
            peers = [each.peer for each in own[process.pid] if each.name == name and each.peer]
            yield _Listener(process, name, tuple(peers))


def _holders(inodes: set[int], root: Path) -> dict[int, list[int]]:
    """The processes that have these sockets open."""
    proc = root / "proc"
    each_one = (
        (pid, inode)
        for pid in islice(pids(root), _MOST_PROCESSES)
        for inode in socket_inodes(pid, proc)
    )
    found: dict[int, list[int]] = defaultdict(list)
    for pid, inode in islice(each_one, _MOST_INODES):
        if inode in inodes:
            found[inode].append(pid)
    return dict(found)


def begins_daemon(arguments: Sequence[str]) -> bool:
    """Whether a gopls with these arguments starts a daemon where none listens."""
    words = [word.replace("--", "-", 1) for word in arguments[1:]]
    values = (after if word == "-remote" else word.removeprefix("-remote=")
              for word, after in zip(words, [*words[1:], ""], strict=False)
              if word.startswith("-remote"))  # fmt: skip
    return any(value.partition(";")[0] == "auto" for value in values)
