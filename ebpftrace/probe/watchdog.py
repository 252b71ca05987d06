"""The watchdog: resumes the processes that a fuse stopped if the watch ends without doing so.

A process of its own that waits on a pipe. The watch holds the other end, which is closed
however the watch ends. The map `stopped` (bpf/fuse.h) has all processes that were stopped by
us, and none that another program stopped.

It is run by its path, as `python -I -S watchdog.py MAP PIPE`, and imports nothing of the
package: it must be small, and work when the watch is long gone.
"""

import ctypes
import errno
import os
import signal
import struct
import sys
import time
from collections.abc import Iterator
from itertools import islice

STOP = struct.Struct("=3Q3qQ6I")
"""struct stop of bpf/types.h: start_boottime, …, tgid, of, signal, owner and two more."""

END = b"e"
"""Written to the pipe: the watch has resumed all processes, and its programs are detached."""

SWEEP_SECONDS = 5.0
"""How long to sweep after the watch's death: the kernel detaches its programs one by one, each
after a grace period, and the fuse may stop processes until the last is gone."""

_SWEEP_EVERY_SECONDS = 0.02
_IN_FLIGHT_SECONDS = 0.1  # for a program that runs on another CPU as it is detached
_NUMBER = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "s390x": 351, "ppc64le": 361}
_LOOKUP, _DELETE, _NEXT_KEY = 1, 3, 4  # enum bpf_cmd, include/uapi/linux/bpf.h
_MAX_KEYS = 1 << 16  # a walk restarts where its key was removed; this ends it
_NS_PER_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_START, _DIGITS = 19, 20  # in a stat file after the name; of a number there
_MOST_THREADS = 128  # of a process that are looked at
_STOPPED_IN = b"do_signal_stop"  # wchan
_PR_SET_NAME = 15
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)

_libc = ctypes.CDLL(None, use_errno=True)


def sweep(map_fd: int, running: set[int]) -> int:
    """Resume each process in the map `stopped` that is stopped; returns how many.

    Pass the same `running` to each sweep. A process that runs at two sweeps was resumed by
    another program and is removed from the map: from then on we do not resume it. At the
    first sweep its stop may still be pending. OSError where the map cannot be read.
    """
    resumed = 0
    for pid, start_boottime_ns in _stopped(map_fd):
        try:
            if is_stopped(pid, start_boottime_ns):
                resumed += _resume(map_fd, pid, start_boottime_ns)
            elif pid in running:
                _remove(map_fd, pid)
            else:
                running.add(pid)
        except OSError:
            continue  # it has ended; if not, the next sweep tries again
    return resumed


def is_stopped(pid: int, start_boottime_ns: int, proc: str = "/proc") -> bool:
    """Whether this very process is stopped, or SIGSTOP is pending.

    Threads stop one by one, and the first one may have ended; a process may have very many, of
    which only some are looked at. A stopped process in a frozen cgroup of v1 is in state D, as
    every frozen one (since 6.1, f5d39b020809 "freezer,sched: Rewrite core freezer logic"), and
    is stopped again once it is thawed.

    OSError, and no other, also where a file of it is not as it should be.
    """
    if not _is_same(pid, start_boottime_ns, proc):
        return False
    with os.scandir(f"{proc}/{pid}/task") as threads:
        for thread in islice(threads, _MOST_THREADS):
            state = _fields(f"{thread.path}/stat")[0]
            in_stop = state == b"D" and _read(f"{thread.path}/wchan") == _STOPPED_IN
            if in_stop or state in (b"T", b"t"):
                return True
    # At newlines alone, which the kernel escapes in the process's name: see text.py.
    lines = _read(f"{proc}/{pid}/status").split(b"\n")
    return any(_has_stop(line) for line in lines if line.startswith((b"ShdPnd:", b"SigPnd:")))


def _has_stop(line: bytes) -> bool:
    """Whether SIGSTOP is among the pending signals that the line lists."""
    try:
        return bool(int(line.partition(b":")[2], 16) >> signal.SIGSTOP - 1 & 1)
    except ValueError:
        raise _malformed() from None


def send(pid: int, start_boottime_ns: int, number: int) -> None:
    """Send this very process a signal. OSError where that fails, or if it has ended."""
    pidfd = _open(pid, start_boottime_ns)
    try:
        signal.pidfd_send_signal(pidfd, number)
    finally:
        os.close(pidfd)


def _open(pid: int, start_boottime_ns: int) -> int:
    pidfd = os.pidfd_open(pid)  # not by host/pidfd.py: nothing of the package is imported
    try:
        if not _is_same(pid, start_boottime_ns):
            raise ProcessLookupError(f"{pid} is another process now")
    except OSError:
        os.close(pidfd)
        raise
    return pidfd


def _resume(map_fd: int, pid: int, start_boottime_ns: int) -> bool:
    pidfd = _open(pid, start_boottime_ns)
    try:
        if not is_stopped(pid, start_boottime_ns):
            return False
        # In this order: a stop that comes in between is in the map again.
        _remove(map_fd, pid)
        signal.pidfd_send_signal(pidfd, signal.SIGCONT)
    finally:
        os.close(pidfd)
    return True


def _remove(map_fd: int, pid: int) -> None:
    _bpf(_DELETE, map_fd, struct.pack("=I", pid))


def _stopped(map_fd: int) -> Iterator[tuple[int, int]]:
    """Pid and start (CLOCK_BOOTTIME, ns) of all processes that were sent SIGSTOP."""
    keys = dict.fromkeys(_keys(map_fd))
    for key in keys:
        value = ctypes.create_string_buffer(STOP.size)
        if _bpf(_LOOKUP, map_fd, key, value):
            start, *_, tgid, _of, number, _owner, _resumed, _filled = STOP.unpack(value.raw)
            if number == signal.SIGSTOP:
                yield tgid, start


def _keys(map_fd: int) -> Iterator[bytes]:
    key, following = None, ctypes.create_string_buffer(4)
    for _ in range(_MAX_KEYS):
        if not _bpf(_NEXT_KEY, map_fd, key, following):
            return
        key = following.raw
        yield key


def _bpf(
    command: int,
    map_fd: int,
    key: bytes | None,
    value: "ctypes.Array[ctypes.c_char] | None" = None,
) -> bool:
    """One bpf(2) call on the map; False if it has no such key."""
    key_buffer = None if key is None else ctypes.create_string_buffer(key, len(key))
    packed = struct.pack(
        "=IIQQQ",
        map_fd,
        0,
        0 if key_buffer is None else ctypes.addressof(key_buffer),
        0 if value is None else ctypes.addressof(value),
        0,
    )
    attr = ctypes.create_string_buffer(packed, len(packed))
    if _libc.syscall(_NUMBER[os.uname().machine], command, attr, len(packed)) < 0:
        code = ctypes.get_errno()
        error = OSError(code, os.strerror(code))
        if isinstance(error, FileNotFoundError):
            return False
        raise error
    return True


def _is_same(pid: int, start_boottime_ns: int, proc: str = "/proc") -> bool:
    """Whether the pid is still that process."""
    start = _fields(f"{proc}/{pid}/stat")[_START]
    if not start.isdigit() or len(start) > _DIGITS:
        raise _malformed()
    return start_boottime_ns // _NS_PER_TICK == int(start)


def _fields(path: str) -> list[bytes]:
    """The fields of a stat file, from the state on, with the start time among them."""
    fields = _read(path).rpartition(b") ")[2].split()
    if len(fields) <= _START:
        raise _malformed()
    return fields


def _malformed() -> OSError:
    return OSError(errno.EBADMSG, os.strerror(errno.EBADMSG))


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 1 << 16)
    finally:
        os.close(fd)


def main() -> None:
    """Wait for the end of the watch, then resume all processes that it has left stopped."""
    map_fd, pipe = int(sys.argv[1]), int(sys.argv[2])
    for number in _IGNORED:  # meant for the watch
        signal.signal(number, signal.SIG_IGN)
    _libc.prctl(_PR_SET_NAME, b"ebpftrace-wdog", 0, 0, 0)
    list(_stopped(map_fd))  # loads into memory what a sweep needs
    _libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT)
    message = os.read(pipe, 1)
    began, running = time.monotonic(), set[int]()
    seconds = _IN_FLIGHT_SECONDS if message == END else SWEEP_SECONDS
    while _swept(map_fd, running) or time.monotonic() < began + seconds:
        time.sleep(_SWEEP_EVERY_SECONDS)


def _swept(map_fd: int, running: set[int]) -> int:
    """`sweep`, which the next one makes up for where it fails: nothing ends the watchdog."""
    try:
        return sweep(map_fd, running)
    except Exception:  # nothing reads what it would say
        return 0


if __name__ == "__main__":
    main()
