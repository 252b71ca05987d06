"""Work that may block (on a disk, a network, the kernel's reclaim), on its own thread.

Reading /proc/PID/smaps waits for the process's own lock, writing memory.high reclaims
before it returns, and a webhook may take long to answer: the engine waits for none of them.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Hashable

from ebpftrace.act.actions.support.running import Ended, Read
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.identity import Target
from ebpftrace.act.process.undo import Undo
from ebpftrace.errors import EbpftraceError
from ebpftrace.host.reading.owners import owner_of
from ebpftrace.host.reading.threads import THREADS
from ebpftrace.host.ready import is_readable
from ebpftrace.text import clean


class Background:
    """Calls `work(cancelled)` on a thread; `cancelled` is set once the action is stopped.

    OSError and EbpftraceError are failures. A thread that hangs in the kernel is left
    behind: it does not keep the program from ending. While some do, no more are started for
    the processes of that user, and of those that run it has a few; `target` is a process that
    the work is about.
    """

    def __init__(
        self,
        name: str,
        target: Target,
        work: Callable[[threading.Event], Ended],
        undo: Undo | None = None,
    ) -> None:
        self.undo = undo
        self._eventfd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._cancelled = threading.Event()
        self._ended: Ended | None = None
        self._lock = threading.Lock()
        self._listening = True
        self._work = work
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        if reason := THREADS.start(name, _owner(target), self._thread):
            self._ended = Ended(StepStatus.FAILED, f"not started: {reason}")
            self.wake()

    @property
    def fds(self) -> tuple[int, ...]:
        return (self._eventfd,)

    @property
    def due_ns(self) -> int | None:
        return None

    def poll(self, now_ns: int) -> Ended | Read | None:
        if is_readable(self._eventfd):
            os.eventfd_read(self._eventfd)
        return self._ended

    def wake(self) -> None:
        """Have `poll` called. Callable from the thread."""
        with self._lock, contextlib.suppress(OSError):
            if self._listening:
                os.eventfd_write(self._eventfd, 1)

    def cancel(self, now_ns: int) -> bool:
        return False

    def stop(self) -> str:
        self._cancelled.set()
        with self._lock:
            self._listening = False
            os.close(self._eventfd)
        if self._ended is None:
            return THREADS.leave(self._thread)
        THREADS.end(self._thread)
        return ""

    def _run(self) -> None:
        try:
            self._ended = self._work(self._cancelled)
        except EbpftraceError as error:
            text = ": ".join(filter(None, (error.what, error.why)))
            self._ended = Ended(StepStatus.FAILED, text)
        except OSError as error:
            where = f"{clean(str(error.filename))}: " if error.filename else ""
            self._ended = Ended(
                StepStatus.FAILED, where + (error.strerror or clean(str(error)))
            )
        except Exception as error:
            # A bug of ours is a failed step, and the ladder continues.
            self._ended = Ended(StepStatus.FAILED, clean(f"{type(error).__name__}: {error}"))
        finally:
            self.wake()


def _owner(target: Target) -> Hashable:
    """Its user; of a process that has ended, the cgroup that was given to its job."""
    return owner_of(target.key.pid) or (target.given_path or target.cgroup)
