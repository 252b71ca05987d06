"""The control socket of a running watch: `ebpftrace thaw` sends its requests to it.

A request is a datagram of JSON, with a socket for the reply attached (SCM_RIGHTS), so that
a client leaves nothing behind and sees no reply but its own. Only root can enter the folder.

    {"thaw": 4711} or {"thaw": "all"}  →  {"thawed": ["gopls 4711 was …"], "more": 0}
"""

import contextlib
import json
import os
import re
import socket
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ebpftrace.errors import EbpftraceError, UntrustedError
from ebpftrace.trusted import TrustedFolder

MAX_REQUEST_BYTES = 256
MAX_REPLY_BYTES = 1 << 16
_BATCH = 64  # requests; more wait for the next call
_SUFFIX = ".sock"
_NAME = re.compile(r"[0-9]+\.sock")
_DEFAULT_FOLDER = "/run/ebpftrace"
_FIX = "set EBPFTRACE_RUN_DIR=FOLDER to another folder, for both watch and thaw"


def run_folder() -> Path:
    """The folder with the sockets of running watches; EBPFTRACE_RUN_DIR overrides it."""
    return Path(os.environ.get("EBPFTRACE_RUN_DIR") or _DEFAULT_FOLDER)


@dataclass(frozen=True, slots=True)
class ThawRequest:
    """A request to resume a process, or all (None)."""

    pid: int | None
    _reply: socket.socket

    def reply(self, thawed: Sequence[str]) -> None:
        """Send one sentence for each process that was resumed. Call it once."""
        with self._reply, contextlib.suppress(OSError):  # the client did not wait
            self._reply.send(_pack(thawed))


class ControlServer:
    """The socket of this watch. EbpftraceError if it cannot be created."""

    def __init__(self, folder: Path | None = None) -> None:
        self._path = (folder or run_folder()) / f"{os.getpid()}{_SUFFIX}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            # What others cannot change is bound to, and removed, by its path.
            _open_folder(self._path.parent, make=True).close()
            remove_stale(self._path.parent)
            self._socket.bind(os.fspath(self._path))
        except UntrustedError as error:
            self._socket.close()
            raise UntrustedError(
                "this watch cannot be reached by `ebpftrace thaw`",
                why=f"{self._path}: other users may write there: {error.why}",
                fix=_FIX,
            ) from error
        except OSError as error:
            self._socket.close()
            raise EbpftraceError(
                "this watch cannot be reached by `ebpftrace thaw`",
                why=f"{self._path}: {error.strerror or error}",
                fix=_FIX,
            ) from error

    @property
    def fd(self) -> int:
        """Readable when there are requests."""
        return self._socket.fileno()

    def requests(self) -> Iterator[ThawRequest]:
        """The requests received since; reply to each. Invalid ones are dropped."""
        for _ in range(_BATCH):
            try:
                data, fds, _flags, _ = socket.recv_fds(
                    self._socket, MAX_REQUEST_BYTES + 1, 1, socket.MSG_CMSG_CLOEXEC
                )
            except OSError:  # EAGAIN: no more
                return
            replies = [socket.socket(fileno=fd) for fd in fds if _is_socket(fd)]
            wanted = _parse(data)
            if len(replies) == 1 and wanted is not None:
                replies[0].setblocking(False)
                yield ThawRequest(wanted or None, replies[0])
                continue
            for reply in replies:
                reply.close()

    def close(self) -> None:
        """Accept no more requests."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        self._socket.close()


def remove_stale(folder: Path) -> list[Path]:
    """Remove the sockets that killed watches left; returns those of running watches.

    UntrustedError if another user may put files there; OSError. Only a socket is removed.
    """
    running = []
    try:
        with _open_folder(folder) as opened:
            for name in opened.names():
                if not _NAME.fullmatch(name) or not _is_socket_file(opened, name):
                    continue
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
                    try:
                        client.connect(os.fspath(folder / name))
                        running.append(folder / name)
                    except ConnectionRefusedError:
                        opened.unlink(name)
                    except OSError:
                        continue  # no socket of ours, or removed meanwhile
    except FileNotFoundError:
        return []
    return running


def _open_folder(folder: Path, *, make: bool = False) -> TrustedFolder:
    """For root alone."""
    return TrustedFolder.open("the sockets of watches", folder, make=make)


def _is_socket_file(folder: TrustedFolder, name: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return stat.S_ISSOCK(folder.stat(name).st_mode)
    return False


def _parse(data: bytes) -> int | None:
    """The pid; 0 for all; None for an invalid request."""
    if len(data) > MAX_REQUEST_BYTES:
        return None
    try:
        request = json.loads(data)
    except (ValueError, RecursionError):
        return None
    thaw = request.get("thaw") if isinstance(request, dict) else None
    if thaw == "all":
        return 0
    return thaw if type(thaw) is int and 0 < thaw < 1 << 31 else None


def _pack(thawed: Sequence[str]) -> bytes:
    """As many sentences as fit, and the number of the others."""
    count, size = 0, 64
    for sentence in thawed:
        size += len(json.dumps(sentence)) + 2
        if size > MAX_REPLY_BYTES:
            break
        count += 1
    return json.dumps({"thawed": thawed[:count], "more": len(thawed) - count}).encode()


def _is_socket(fd: int) -> bool:
    if stat.S_ISSOCK(os.fstat(fd).st_mode):
        return True
    os.close(fd)
    return False
