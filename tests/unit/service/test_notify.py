"""What systemd is sent, over a socket of the test's own."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ebpftrace.service.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    """systemd's end; its name is what NOTIFY_SOCKET has."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        abstract = f"\0ebpftrace-test-{os.getpid()}"
        sock.bind(str(tmp_path / "notify") if request.param == "path" else abstract)
        sock.setblocking(False)
        yield sock


def environ(manager: socket.socket, **more: str) -> dict[str, str]:
    name = manager.getsockname()
    text = name if isinstance(name, str) else "@" + name[1:].decode()
    return {"NOTIFY_SOCKET": text, **more}


def test_each_message_has_its_words(manager: socket.socket) -> None:
    notifier = Notifier(environ(manager, WATCHDOG_USEC="2000000"))
    notifier.ready("2 jobs")
    notifier.alive("3 jobs")
    notifier.reloading()
    notifier.stopping()
    assert manager.recv(999) == b"READY=1\nSTATUS=2 jobs"
    assert manager.recv(999) == b"WATCHDOG=1\nSTATUS=3 jobs"
    first, second = manager.recv(999).split(b"\n")
    assert first == b"RELOADING=1"
    assert second.removeprefix(b"MONOTONIC_USEC=").isdigit()
    assert manager.recv(999) == b"STOPPING=1"


def test_without_a_watchdog_there_are_no_signs_of_life(manager: socket.socket) -> None:
    Notifier(environ(manager)).alive("3 jobs")
    assert manager.recv(999) == b"STATUS=3 jobs"


def test_a_status_is_one_line(manager: socket.socket) -> None:
    Notifier(environ(manager)).ready("a\nREADY=0")
    assert manager.recv(999) == b"READY=1\nSTATUS=a\\x0aREADY=0"


def test_hooks_inherit_no_way_to_systemd() -> None:
    variables = {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "A": "b"}
    Notifier(variables)
    assert variables == {"A": "b"}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"WATCHDOG_USEC": "2000000"}, 2_000_000_000),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())}, 2_000_000_000),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_for_the_process_that_it_names(
    variables: dict[str, str], expected: int | None
) -> None:
    assert Notifier(variables).watchdog_ns == expected


def test_outside_systemd_and_with_a_full_socket_nothing_happens(
    manager: socket.socket,
) -> None:
    Notifier({}).ready("x")
    Notifier({"NOTIFY_SOCKET": "/no/such/socket"}).ready("x")
    notifier = Notifier(environ(manager))
    for _ in range(2000):
        notifier.alive("x")
