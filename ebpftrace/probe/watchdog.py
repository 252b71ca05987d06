"""The guardian: lets go whom the fuse stopped, where the watch ended without doing so.

A process of its own that waits on a pipe. The watch holds its other end, and any end of the
watch closes it. `stopped` (bpf/fuse.h) then says who stands because of us; who was stopped
by anyone else is not in it.

It is run by its path, as `python -I -S watchdog.py MAP PIPE`, and takes nothing from the
package: it must be small, and work when the watch is long gone.
"""

import ctypes
import os
import signal
import struct
import sys
import time
from collections.abc import Iterator

STOP = struct.Struct("=3Q3qQ4I")
"""struct stop: start_boottime first; tgid and signal are the 8th and the 10th."""

END = b"e"
"""Said through the pipe: the watch has let all go by itself, and its programs are gone."""

LOOK_FOR_SECONDS = 5.0
"""After the watch's death: the kernel detaches its programs one by one, each after a grace
period, and until the last is gone the fuse may stop somebody."""

_LOOK_EVERY_SECONDS = 0.02
_IN_FLIGHT_SECONDS = 0.1  # for a program that runs on another CPU as it is detached
_NUMBER = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "s390x": 351, "ppc64le": 361}
_LOOKUP, _DELETE, _NEXT_KEY = 1, 3, 4  # enum bpf_cmd, include/uapi/linux/bpf.h
_MOST = 1 << 16  # a walk begins anew where its place was removed: it is to end anyhow
_NS_PER_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_STANDS_IN = b"do_signal_stop"
_PR_SET_NAME = 15
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)

_libc = ctypes.CDLL(None, use_errno=True)


def sweep(map_fd: int, running: set[int]) -> int:
    """Let each go that the map `stopped` names and that stands; how many there were.

    `running` is kept from one look to the next: who ran at both was let go by another, and
    is struck off; to stop it from now on is nobody's doing but theirs. At the first look its
    stop may still be on its way.
    """
    woken = 0
    for pid, start_boottime_ns in _stopped(map_fd):
        try:
            if standing(pid, start_boottime_ns):
                woken += _wake(map_fd, pid, start_boottime_ns)
            elif pid in running:
                _strike(map_fd, pid)
            else:
                running.add(pid)
        except OSError:
            continue  # it ended; else the next look may do better, and others wait
    return woken


def standing(pid: int, start_boottime_ns: int) -> bool:
    """Whether this very process is stopped, or about to be: SIGSTOP is on its way.

    A stop takes effect thread by thread, and the first one may have ended before. In a
    freezer of cgroup v1 one that stands is in state D, as all that is frozen (since 6.1,
    f5d39b020809 "freezer,sched: Rewrite core freezer logic"), and stands again once thawed.
    """
    if not _is(pid, start_boottime_ns):
        return False
    for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 (pathlib is large)
        task = f"/proc/{pid}/task/{thread}"
        state = _fields(f"{task}/stat")[0]
        if state in (b"T", b"t") or (state == b"D" and _read(f"{task}/wchan") == _STANDS_IN):
            return True
    for line in _read(f"/proc/{pid}/status").splitlines():
        if line.startswith((b"ShdPnd:", b"SigPnd:")):
            pending = int(line.split()[1], 16)
            if pending >> signal.SIGSTOP - 1 & 1:
                return True
    return False


def _wake(map_fd: int, pid: int, start_boottime_ns: int) -> bool:
    pidfd = os.pidfd_open(pid)
    try:
        if not standing(pid, start_boottime_ns):
            return False
        # In this order: a stop that comes between is in the map again, and seen.
        _strike(map_fd, pid)
        signal.pidfd_send_signal(pidfd, signal.SIGCONT)
    finally:
        os.close(pidfd)
    return True


def _strike(map_fd: int, pid: int) -> None:
    _bpf(_DELETE, map_fd, struct.pack("=I", pid))


def _stopped(map_fd: int) -> Iterator[tuple[int, int]]:
    """Pid and start (CLOCK_BOOTTIME, ns) of all who were sent SIGSTOP."""
    keys = dict.fromkeys(_keys(map_fd))
    for key in keys:
        value = ctypes.create_string_buffer(STOP.size)
        if _bpf(_LOOKUP, map_fd, key, value):
            start, *_, tgid, _of, number, _unused = STOP.unpack(value.raw)
            if number == signal.SIGSTOP:
                yield tgid, start


def _keys(map_fd: int) -> Iterator[bytes]:
    key, following = None, ctypes.create_string_buffer(4)
    for _ in range(_MOST):
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
    """One bpf(2) call on the map; False where there is no such key."""
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


def _is(pid: int, start_boottime_ns: int) -> bool:
    return start_boottime_ns // _NS_PER_TICK == int(_fields(f"/proc/{pid}/stat")[19])


def _fields(path: str) -> list[bytes]:
    """Of a stat file, from the state on."""
    return _read(path).rpartition(b") ")[2].split()


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 1 << 16)
    finally:
        os.close(fd)


def main() -> None:
    """Wait for the end of the watch, and see to it that nobody is left standing."""
    map_fd, pipe = int(sys.argv[1]), int(sys.argv[2])
    for number in _IGNORED:  # they are meant for the watch
        signal.signal(number, signal.SIG_IGN)
    _libc.prctl(_PR_SET_NAME, b"ebpftrace-guard", 0, 0, 0)
    list(_stopped(map_fd))  # have in memory what it takes
    _libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT)
    word = os.read(pipe, 1)
    began, running = time.monotonic(), set[int]()
    seconds = _IN_FLIGHT_SECONDS if word == END else LOOK_FOR_SECONDS
    while sweep(map_fd, running) or time.monotonic() < began + seconds:
        time.sleep(_LOOK_EVERY_SECONDS)


if __name__ == "__main__":
    main()
