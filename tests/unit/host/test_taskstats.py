"""The request and the reply of taskstats, byte by byte. Source: linux/taskstats.h."""

import struct
from typing import Any

import pytest

pytest.importorskip("pyroute2")

from ebpftrace.host import taskstats

RECORD = bytes(range(256)) + bytes(72)  # struct taskstats of version 8
PAYLOAD = 20  # after struct nlmsghdr (16 bytes) and struct genlmsghdr (4)


def attribute(number: int, value: bytes) -> bytes:
    """struct nlattr with its value; the values here need no padding."""
    return struct.pack("=HH", 4 + len(value), number) + value


class FakeSocket:
    """Keeps the request, and answers it as the kernel does."""

    prid = 24

    def __init__(self, *replies: bytes) -> None:
        self._replies = replies
        self.sent = b""

    def nlm_request(self, message: Any, family: int, *, msg_flags: int) -> list[Any]:
        assert (family, msg_flags) == (self.prid, 1)
        message.encode()
        self.sent = bytes(message.data)
        return [decoded(reply) for reply in self._replies]


def decoded(attributes: bytes) -> Any:
    header = struct.pack("=IHHII", PAYLOAD + len(attributes), FakeSocket.prid, 0, 1, 0)
    message = taskstats._Reply(header + struct.pack("=BBH", 2, 1, 0) + attributes)
    message.decode()
    return message


def test_request_asks_for_the_whole_process() -> None:
    of_process = attribute(5, attribute(2, struct.pack("=I", 4711)) + attribute(3, RECORD))
    socket = FakeSocket(of_process)
    assert taskstats.ask(socket, 4711) == RECORD
    command, version = socket.sent[16:18]
    assert (command, version) == (1, 1)
    assert socket.sent[PAYLOAD:] == attribute(2, struct.pack("=I", 4711))


def test_socket_that_cannot_be_bound_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []

    class Refusing:
        def bind(self, family: str, _reply: type) -> None:
            raise OSError(2, f"no {family}")

        def close(self) -> None:
            closed.append(True)

    monkeypatch.setattr(taskstats, "GenericNetlinkSocket", Refusing)
    with pytest.raises(OSError, match="no TASKSTATS"):
        taskstats.open_socket()
    assert closed == [True]
