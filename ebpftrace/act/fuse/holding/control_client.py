"""Asks a running watch over its control socket; the other end is control.py."""

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from ebpftrace.act.fuse.holding.control_server import ANSWER_BYTES
from ebpftrace.text import clean

ANSWER_SECONDS = 5.0
_LONGEST = 300  # letters of one sentence


@dataclass(frozen=True, slots=True)
class ThawReply:
    """A sentence for each process that goes on; of `more` there was no room to tell."""

    thawed: tuple[str, ...]
    more: int


class NoAnswerError(Exception):
    """The watch has ended meanwhile, is stuck, or says what cannot be understood."""


def ask_to_thaw(path: Path, pid: int | None) -> ThawReply:
    """Have the watch with this socket let a process go on, or all it has stopped (None)."""
    request = json.dumps({"thaw": "all" if pid is None else pid}).encode()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        ours.settimeout(ANSWER_SECONDS)
        try:
            with theirs, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as watch:
                watch.settimeout(ANSWER_SECONDS)
                watch.connect(os.fspath(path))
                socket.send_fds(watch, [request], [theirs.fileno()])
            return _understood(ours.recv(ANSWER_BYTES + 1))
        except TimeoutError as error:
            seconds = f"{ANSWER_SECONDS:.0f} s"
            raise NoAnswerError(f"it said nothing for {seconds}; is it stopped?") from error
        except OSError as error:
            raise NoAnswerError(f"it has ended: {error.strerror}") from error


def _understood(data: bytes) -> ThawReply:
    if not data:
        raise NoAnswerError("it has ended, or is about to")
    try:
        answer = json.loads(data)
        thawed, more = answer["thawed"], answer["more"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NoAnswerError("its answer cannot be read") from error
    if not isinstance(thawed, list) or type(more) is not int:
        raise NoAnswerError("its answer cannot be read")
    return ThawReply(tuple(clean(str(sentence), _LONGEST) for sentence in thawed), more)
