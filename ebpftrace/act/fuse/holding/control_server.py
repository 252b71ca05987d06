"""The control socket: a running watch is asked to let go whom its fuse stopped.

A datagram of JSON with a socket for the answer beside it (SCM_RIGHTS), so that who asks
leaves nothing behind and hears of nobody else's request. Only root reaches the folder.

    {"thaw": 4711} or {"thaw": "all"}  →  {"thawed": ["gopls 4711 goes on; …"], "more": 0}
"""

import contextlib
import errno
import json
import os
import socket
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ebpftrace.errors import EbpftraceError

REQUEST_BYTES = 256
ANSWER_BYTES = 1 << 16
_AT_ONCE = 64  # requests; the next ones wait for the next call
_SUFFIX = ".sock"
_DEFAULT_FOLDER = "/run/ebpftrace"
_FIX = "EBPFTRACE_RUN_DIR=FOLDER names another folder, to the watch and to thaw alike"


def run_folder() -> Path:
    """Where the sockets of running watches are; the environment may say otherwise."""
    return Path(os.environ.get("EBPFTRACE_RUN_DIR") or _DEFAULT_FOLDER)


@dataclass(frozen=True, slots=True)
class ThawRequest:
    """Somebody asks for a process to be let go, or for all of them (None)."""

    pid: int | None
    _answer: socket.socket

    def reply(self, thawed: Sequence[str]) -> None:
        """One sentence for each process that goes on. Call it once."""
        with self._answer, contextlib.suppress(OSError):  # who asked did not wait for it
            self._answer.send(_packed(thawed))


class ControlServer:
    """The socket of this watch. EbpftraceError where it cannot be made."""

    def __init__(self, folder: Path | None = None) -> None:
        self._path = (folder or run_folder()) / f"{os.getpid()}{_SUFFIX}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            _make_folder(self._path.parent)
            remove_stale(self._path.parent)
            self._socket.bind(os.fspath(self._path))
        except OSError as error:
            self._socket.close()
            what = "`ebpftrace thaw` cannot ask this watch"
            raise EbpftraceError(
                what, why=f"{self._path}: {error.strerror or error}", fix=_FIX
            ) from error

    @property
    def fd(self) -> int:
        """Readable when there are requests."""
        return self._socket.fileno()

    def requests(self) -> Iterator[ThawRequest]:
        """What was asked since; each is to be answered. Anything else is passed over."""
        for _ in range(_AT_ONCE):
            try:
                data, fds, _flags, _ = socket.recv_fds(
                    self._socket, REQUEST_BYTES + 1, 1, socket.MSG_CMSG_CLOEXEC
                )
            except OSError:  # EAGAIN: that was all
                return
            answers = [socket.socket(fileno=fd) for fd in fds if _is_socket(fd)]
            wanted = _wanted(data)
            if len(answers) == 1 and wanted is not None:
                answers[0].setblocking(False)
                yield ThawRequest(wanted or None, answers[0])
                continue
            for answer in answers:
                answer.close()

    def close(self) -> None:
        """Nobody can ask any more."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        self._socket.close()


def remove_stale(folder: Path) -> list[Path]:
    """The sockets of watches that run, once those of watches that were killed are removed."""
    running = []
    try:
        entries = sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    for path in entries:
        if path.suffix != _SUFFIX:
            continue
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as knock:
            try:
                knock.connect(os.fspath(path))
                running.append(path)
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)
            except OSError:
                continue  # no socket, or gone meanwhile: none of ours
    return running


def _make_folder(folder: Path) -> None:
    """For root alone. OSError where it is anybody else's."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise PermissionError(errno.EACCES, "others than us may write to its folder")


def _wanted(data: bytes) -> int | None:
    """The pid; 0 for all of them; None where it is no request."""
    if len(data) > REQUEST_BYTES:
        return None
    try:
        request = json.loads(data)
    except (ValueError, RecursionError):
        return None
    thaw = request.get("thaw") if isinstance(request, dict) else None
    if thaw == "all":
        return 0
    return thaw if type(thaw) is int and 0 < thaw < 1 << 31 else None


def _packed(thawed: Sequence[str]) -> bytes:
    """As many sentences as fit; how many did not is said."""
    told, size = 0, 64
    for sentence in thawed:
        size += len(json.dumps(sentence)) + 2
        if size > ANSWER_BYTES:
            break
        told += 1
    return json.dumps({"thawed": thawed[:told], "more": len(thawed) - told}).encode()


def _is_socket(fd: int) -> bool:
    if stat.S_ISSOCK(os.fstat(fd).st_mode):
        return True
    os.close(fd)
    return False
