"""sd_notify: tells systemd that the service is ready, reloads, is alive, and stops.

Source: sd_notify(3), systemd.service(5), `Type=notify-reload`.
"""

import contextlib
import os
import socket
import time
from collections.abc import MutableMapping

from ebpftrace.text import clean

_STATUS_LIMIT = 160


class Notifier:
    """Sends to $NOTIFY_SOCKET; without one, as outside systemd, it does nothing.

    The variables are removed from the environment: hooks do not speak for the service.
    `watchdog_ns` is how often systemd wants a sign of life; None: it does not.
    """

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        self._address = environ.pop("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]
        usec, pid = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
        ours = pid in ("", str(os.getpid()))
        self.watchdog_ns = int(usec) * 1000 if ours and usec.isdigit() and int(usec) else None

    def ready(self, status: str) -> None:
        """Everything is attached, or reloaded."""
        self._send("READY=1", _status(status))

    def reloading(self) -> None:
        """Policies, certificates and passwords are read again; `ready` follows."""
        usec = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={usec}")

    def alive(self, status: str) -> None:
        """The loop has done a round."""
        if self.watchdog_ns is None:
            self._send(_status(status))
        else:
            self._send("WATCHDOG=1", _status(status))

    def stopping(self) -> None:
        """The watch has ended."""
        self._send("STOPPING=1")

    def _send(self, *lines: str) -> None:
        """Never waits: systemd that does not read misses it."""
        if not self._address:
            return
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
        ):
            sender.setblocking(False)
            sender.sendto("\n".join(lines).encode(), self._address)


def _status(text: str) -> str:
    return f"STATUS={clean(text, _STATUS_LIMIT)}"
