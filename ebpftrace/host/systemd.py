"""systemd's manager, over D-Bus. Source: org.freedesktop.systemd1(5)."""

from typing import Any, Self

from ebpftrace.errors import EbpftraceError
from ebpftrace.text import clean

BUS, PATH = "org.freedesktop.systemd1", "/org/freedesktop/systemd1"
MANAGER = f"{BUS}.Manager"
_CALL_SECONDS = 5.0


class SystemdManager:
    """Opened by `with`. EbpftraceError if there is none."""

    def __init__(self, bus: str = "SYSTEM") -> None:
        """`bus` is the address of a message bus."""
        self._bus = bus

    def __enter__(self) -> Self:
        # Imported here: only what asks systemd pays for a D-Bus library.
        try:
            from jeepney import DBusAddress, new_method_call
            from jeepney.io.blocking import open_dbus_connection
            from jeepney.wrappers import DBusErrorResponse, unwrap_msg
        except ImportError as error:
            raise EbpftraceError("the Python package jeepney is missing") from error
        self._address, self._new_call = DBusAddress, new_method_call
        self._unwrap, self._refused = unwrap_msg, DBusErrorResponse
        try:
            self._connection = open_dbus_connection(bus=self._bus)
        except (OSError, KeyError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise EbpftraceError(f"no message bus, so no systemd here: {reason}") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def unit_of(self, pid: int) -> str:
        """The object path of the unit that a process belongs to."""
        return str(self.call(PATH, MANAGER, "GetUnitByPID", "u", (pid,))[0])

    def get(self, path: str, interface: str, name: str) -> Any:
        """The value of a property."""
        found = self.call(
            path, "org.freedesktop.DBus.Properties", "Get", "ss", (f"{BUS}.{interface}", name)
        )
        return found[0][1]

    def call(
        self, path: str, interface: str, method: str, signature: str, body: tuple[Any, ...]
    ) -> Any:
        """The body of the reply. EbpftraceError with systemd's message if it refuses."""
        address = self._address(path, bus_name=BUS, interface=interface)
        message = self._new_call(address, method, signature, body)
        try:
            reply = self._connection.send_and_get_reply(message, timeout=_CALL_SECONDS)
            return self._unwrap(reply)
        except self._refused as error:
            raise EbpftraceError(f"systemd refuses {method}: {clean(str(error))}") from error
        except TimeoutError as error:
            raise EbpftraceError(f"systemd does not answer {method}") from error
