"""Runs work in a forked child, so that the memory it needs ends with the child."""

import contextlib
import ctypes
import json
import os
import select
import signal
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ebpftrace import errors
from ebpftrace.errors import EbpftraceError, ProbeError

_PR_SET_PDEATHSIG = 1
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_FIX = "report it with the output of `uname -a` and the version of bcc"
_OUTPUT_BYTES = 2000  # of the end of what it wrote to stdout and stderr
_CHUNK_BYTES = 1 << 16
_ASK_EVERY_MS = 1000
_DONE, _FAILED = b"=", b"!"
_FAULTS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGABRT)


Explain = Callable[[bool], EbpftraceError | None]
"""Whether the caller knows why a child failed (True), or runs for too long (False)."""


def unexplained(_failed: bool) -> None:
    """Nothing is known."""


def in_child(
    work: Callable[[], bytes],
    failed: str,
    explain: Explain = unexplained,
    after_crash: Callable[[], bytes] | None = None,
) -> bytes:
    """Run `work` in a child whose output is not shown, and return its result.

    An EbpftraceError is raised as in the child. Any other exception or a crash is a
    ProbeError with `failed` as its message and the child's output as the reason.

    `explain` is asked once a second while the child runs, with False, and with True once it
    has failed by SIGKILL or any other exception. An error that it returns is raised instead;
    a child that runs is ended then.

    After a crash `after_crash`, or else the work again, is tried once, as gcc's driver does:
    a crash that does not repeat is the fault of memory or of an emulated processor, and need
    not end a watch.
    """
    answer = _answer(work, explain)
    if os.WIFSIGNALED(answer.status) and os.WTERMSIG(answer.status) in _FAULTS:
        answer = _answer(after_crash or work, explain)
    if answer.data[:1] == _DONE and answer.status == 0:
        return answer.data[1:]
    ours = answer.data[:1] == _FAILED and json.loads(answer.data[1:])[0]
    raise (None if ours else explain(True)) or _error(answer, failed)


class _Answer(NamedTuple):
    data: bytes  # what the child wrote to its pipe; nothing if it crashed
    status: int  # of waitpid
    output: str


def _answer(work: Callable[[], bytes], explain: Explain) -> _Answer:
    reader, writer = os.pipe()
    output = os.memfd_create("ebpftrace-child")
    try:
        child = _fork()
        if child == 0:
            _run(work, writer, output)
        os.close(writer)
        status = None
        try:
            with os.fdopen(reader, "rb") as answer:
                data = b"".join(_chunks(answer.fileno(), explain))
            status = os.waitpid(child, 0)[1]
        finally:
            if status is None:  # interrupted
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
        return _Answer(data, status, _written(output))
    finally:
        os.close(output)


def _chunks(reader: int, explain: Explain) -> Iterator[bytes]:
    """What the child writes, until it has ended. Raises what `explain` returns."""
    poll = select.poll()
    poll.register(reader)
    while True:
        if not poll.poll(_ASK_EVERY_MS):
            if (error := explain(False)) is not None:
                raise error
        elif chunk := os.read(reader, _CHUNK_BYTES):
            yield chunk
        else:
            return


def _fork() -> int:
    with warnings.catch_warnings():
        # Python 3.12 warns if there are threads: a lock that one holds stays locked in the
        # child. This child takes no such lock, and exits without cleaning up.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _run(work: Callable[[], bytes], writer: int, output: int) -> None:
    """The child: runs `work`, writes the answer to the pipe and exits."""
    code = 1
    try:
        # Ctrl-C reaches the whole process group: the parent handles it and ends this child.
        for number in _STOPPING:
            signal.signal(number, signal.SIG_IGN)
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with contextlib.suppress(OSError):  # its parent is to be there to say what happened
            Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
        os.dup2(output, 1)
        os.dup2(output, 2)
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


def _error(answer: _Answer, failed: str) -> EbpftraceError:
    data, status, written = answer
    if data[:1] != _FAILED:
        code = os.waitstatus_to_exitcode(status)
        ended = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return ProbeError(failed, why=f"{written}\nits process ended by {ended}", fix=_FIX)
    name, what, why, fix = json.loads(data[1:])
    if not name:
        return ProbeError(failed, why="\n".join(filter(None, (what, written))), fix=_FIX)
    error_type: type[EbpftraceError] = getattr(errors, name)
    return error_type(what, why=why, fix=fix)


def _written(output: int) -> str:
    size = os.fstat(output).st_size
    tail = os.pread(output, _OUTPUT_BYTES, max(0, size - _OUTPUT_BYTES))
    return tail.decode("utf-8", "replace").strip()
