"""A piece of work in a forked child, for what leaves too much behind in memory."""

import ctypes
import json
import os
import signal
import warnings
from collections.abc import Callable

from ebpftrace import errors
from ebpftrace.errors import EbpftraceError, ProbeError

_PR_SET_PDEATHSIG = 1
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_FIX = "report it with the output of `uname -a` and the version of bcc"
_SAID_BYTES = 2000  # of what it wrote to stdout and stderr: the end is what matters
_DONE, _FAILED = b"=", b"!"


def in_child(work: Callable[[], bytes], failed: str) -> bytes:
    """What `work` returns, run in a child that writes nothing a user sees.

    An EbpftraceError comes through as it was raised; anything else, a crash too, is a
    ProbeError that says `failed` and what the child wrote.
    """
    reader, writer = os.pipe()
    said = os.memfd_create("ebpftrace-child")
    try:
        child = _fork()
        if child == 0:
            _run(work, writer, said)
        os.close(writer)
        status = None
        try:
            with os.fdopen(reader, "rb") as answer:
                data = answer.read()
            status = os.waitpid(child, 0)[1]
        finally:
            if status is None:  # interrupted
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
        if data[:1] == _DONE and status == 0:
            return data[1:]
        raise _error(data, status, failed, _written(said))
    finally:
        os.close(said)


def _fork() -> int:
    with warnings.catch_warnings():
        # Python 3.12 warns where there are threads: a lock one of them holds stays locked
        # in the child. Ours takes none of theirs, and leaves without cleaning up.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _run(work: Callable[[], bytes], writer: int, said: int) -> None:
    """The child's whole life."""
    code = 1
    try:
        # A Ctrl-C reaches the whole group: the parent decides, and takes this one along.
        for number in _STOPPING:
            signal.signal(number, signal.SIG_IGN)
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.dup2(said, 1)
        os.dup2(said, 2)
        try:
            answer = _DONE + work()
            code = 0
        except EbpftraceError as error:
            fields = (type(error).__name__, error.what, error.why, error.fix)
            answer = _FAILED + json.dumps(fields).encode()
        except Exception as error:  # bcc raises nothing more specific
            answer = _FAILED + json.dumps(("", str(error), "", "")).encode()
        libc.fflush(None)
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(answer)
    finally:
        os._exit(code)


def _error(data: bytes, status: int, failed: str, written: str) -> EbpftraceError:
    if data[:1] != _FAILED:
        code = os.waitstatus_to_exitcode(status)
        ended = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return ProbeError(failed, why=f"{written}\nits process ended by {ended}", fix=_FIX)
    name, what, why, fix = json.loads(data[1:])
    if not name:
        return ProbeError(failed, why="\n".join(filter(None, (what, written))), fix=_FIX)
    kind: type[EbpftraceError] = getattr(errors, name)
    return kind(what, why=why, fix=fix)


def _written(said: int) -> str:
    size = os.fstat(said).st_size
    text = os.pread(said, _SAID_BYTES, max(0, size - _SAID_BYTES)).decode("utf-8", "replace")
    return text.strip()
