"""Connections over Unix sockets: which socket is at the other end, and whose it is.

The kernel lists the sockets of the caller's network namespace over netlink (sock_diag), with
the inode of each and of its peer; the links in /proc/PID/fd have the same inodes. It needs no
rights, but the links of other users' processes do. pyroute2 is not used: it builds objects of
all sockets of the machine before it returns.
Source: include/uapi/linux/unix_diag.h, include/uapi/linux/netlink.h, net/unix/diag.c.
"""

import contextlib
import os
import re
import socket
import struct
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

_SOCK_DIAG = 4  # NETLINK_SOCK_DIAG
_BY_FAMILY = 20  # SOCK_DIAG_BY_FAMILY
_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_ERROR, _DONE = 2, 3
_ESTABLISHED, _LISTEN = 1, 10
_SHOW_NAME_AND_PEER = 1 | 4
_NAME, _PEER = 0, 2
_HEADER = struct.Struct("=IHHII")
_ASKED = struct.Struct("=BBHIIIQ")
_SOCKET = struct.Struct("=BBBBIQ")
_ATTRIBUTE = struct.Struct("=HH")
_READ = 64 << 10
_SECONDS = 2.0
_MOST_SOCKETS = 262_144
_MOST_LINKS = 4096
_LINK = re.compile(r"socket:\[([0-9]{1,10})\]")


class UnixSocket(NamedTuple):
    """A socket that listens, or is connected; `peer` is 0 if it has none.

    `name` is its path or abstract name; a connection that was accepted has the name of the
    socket that listens.
    """

    inode: int
    is_listening: bool
    name: bytes
    peer: int


def unix_sockets() -> Iterator[UnixSocket]:
    """Those of this network namespace, 262,144 at most; OSError if the kernel lists none."""
    with socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG
    ) as ask:
        ask.settimeout(_SECONDS)
        ask.bind((0, 0))
        states = 1 << _ESTABLISHED | 1 << _LISTEN
        asked = _ASKED.pack(socket.AF_UNIX, 0, 0, states, 0, _SHOW_NAME_AND_PEER, 0)
        size = _HEADER.size + len(asked)
        ask.send(_HEADER.pack(size, _BY_FAMILY, _REQUEST_DUMP, 1, 0) + asked)
        yield from islice(_answers(ask), _MOST_SOCKETS)


def socket_inodes(pid: int, proc: Path = Path("/proc")) -> Iterator[int]:
    """The sockets among the first 4,096 open files of a process.

    None of a process that has ended, or is another user's.
    """
    with contextlib.suppress(OSError), os.scandir(proc / f"{pid}/fd") as links:
        for link in islice(links, _MOST_LINKS):
            with contextlib.suppress(OSError):  # closed meanwhile
                found = _LINK.fullmatch(str(Path(link.path).readlink()))
                if found is not None:
                    yield int(found[1])


def _answers(ask: socket.socket) -> Iterator[UnixSocket]:
    while True:
        data = ask.recv(_READ)
        place = 0
        while place + _HEADER.size <= len(data):
            size, kind, _flags, _number, _pid = _HEADER.unpack_from(data, place)
            if kind == _DONE or size < _HEADER.size:
                return
            if kind == _ERROR:
                (code,) = struct.unpack_from("=i", data, place + _HEADER.size)
                raise OSError(-code, os.strerror(-code))
            yield parse(data[place + _HEADER.size : place + size])
            place += _aligned(size)


def parse(message: bytes) -> UnixSocket:
    """A `struct unix_diag_msg` and its attributes; struct.error if it is cut."""
    _family, _type, state, _pad, inode, _cookie = _SOCKET.unpack_from(message)
    name, peer, place = b"", 0, _SOCKET.size
    while place + _ATTRIBUTE.size <= len(message):
        size, kind = _ATTRIBUTE.unpack_from(message, place)
        if size < _ATTRIBUTE.size:
            break
        value = message[place + _ATTRIBUTE.size : place + size]
        if kind == _NAME:
            name = value
        elif kind == _PEER:
            (peer,) = struct.unpack("=I", value)
        place += _aligned(size)
    return UnixSocket(inode, state == _LISTEN, name, peer)


def _aligned(size: int) -> int:
    return (size + 3) & ~3
