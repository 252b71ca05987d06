"""In which order the kernel closes the descriptors of a process that dies.

It is found by trying: a process is started with two sockets and ends, and an epoll tells
which of the two was closed first.
"""

import contextlib
import select
import socket
import subprocess


def highest_is_closed_first() -> bool:
    """Whether the highest descriptor is closed first, not last.

    True where it cannot be tried: so it is since Linux 4.4 (c82199061009 "task_work: remove
    fifo ordering guarantee").
    """
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(2)]
        for pair in pairs:
            for end in pair:
                stack.callback(end.close)
        (low, _), (high, _) = pairs = sorted(pairs, key=lambda pair: pair[1].fileno())
        epoll = stack.enter_context(select.epoll())
        for ours, _ in pairs:
            epoll.register(ours, 0)  # hang-ups are always reported, in their order
        _run_with([theirs.fileno() for _, theirs in pairs], pairs)
        hung_up = [fd for fd, _ in epoll.poll(0)]
        if set(hung_up) == {low.fileno(), high.fileno()}:
            return hung_up[0] == high.fileno()
    return True


def _run_with(fds: list[int], pairs: list[tuple[socket.socket, socket.socket]]) -> None:
    """Start a process that has these descriptors, close ours, then let it end."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", "read -r _"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={},
        pass_fds=fds,
    )
    for _, theirs in pairs:
        theirs.close()
    assert process.stdin is not None
    process.stdin.close()
    process.wait()
