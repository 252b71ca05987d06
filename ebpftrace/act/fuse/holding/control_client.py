"""Sends requests to a running watch; control_server.py answers them."""

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from ebpftrace.act.fuse.holding.control_server import MAX_REPLY_BYTES
from ebpftrace.text import clean

REPLY_SECONDS = 5.0
_MAX_SENTENCE = 300  # characters


@dataclass(frozen=True, slots=True)
class ThawReply:
    """A sentence for each process that was resumed; `more` had no room in the reply."""

    thawed: tuple[str, ...]
    more: int


class NoReplyError(Exception):
    """The watch has ended, does not reply in time, or its reply cannot be parsed."""


def request_thaw(path: Path, pid: int | None) -> ThawReply:
    """Ask the watch with this socket to resume a process, or all it has stopped (None)."""
    request = json.dumps({"thaw": "all" if pid is None else pid}).encode()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        ours.settimeout(REPLY_SECONDS)
        try:
            with theirs, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as watch:
                watch.settimeout(REPLY_SECONDS)
                watch.connect(os.fspath(path))
                socket.send_fds(watch, [request], [theirs.fileno()])
            return _parse(ours.recv(MAX_REPLY_BYTES + 1))
        except TimeoutError as error:
            seconds = f"{REPLY_SECONDS:.0f} s"
            raise NoReplyError(f"no reply within {seconds}; is it stopped?") from error
        except OSError as error:
            raise NoReplyError(f"it has ended: {error.strerror}") from error


def _parse(data: bytes) -> ThawReply:
    if not data:
        raise NoReplyError("it has ended, or is ending")
    try:
        reply = json.loads(data)
        thawed, more = reply["thawed"], reply["more"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NoReplyError("its reply cannot be read") from error
    if not isinstance(thawed, list) or type(more) is not int:
        raise NoReplyError("its reply cannot be read")
    return ThawReply(tuple(clean(str(sentence), _MAX_SENTENCE) for sentence in thawed), more)
