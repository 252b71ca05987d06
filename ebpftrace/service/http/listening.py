"""The socket that clients connect to."""

import ipaddress
import os
import re
import socket

from ebpftrace.errors import ListenError, UsageError

_BACKLOG = 128
_ADDRESS = re.compile(r"(?:(?P<v4>[0-9.]+)|\[(?P<v6>[0-9a-fA-F:.]+)\]):(?P<port>[0-9]{1,5})")


def parse_address(text: str) -> tuple[str, int]:
    """`127.0.0.1:9435` or `[::1]:9435`. ValueError if it is neither."""
    found = _ADDRESS.fullmatch(text)
    try:
        if found is None or int(found["port"]) > 65535:
            raise ValueError
        host = str(
            ipaddress.IPv4Address(found["v4"])
            if found["v4"]
            else ipaddress.IPv6Address(found["v6"])
        )
    except ValueError as error:
        raise ValueError(
            f"not an address: {text!r}; write 127.0.0.1:9435 or [::1]:9435"
        ) from error
    return host, int(found["port"])


def listen(host: str, port: int) -> socket.socket:
    """A listening socket that does not block. ListenError if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise ListenError(
            f"cannot listen at {in_words((host, port))}",
            why=os.strerror(error.errno) if error.errno else str(error),
            fix="end what listens there (ss -ltnp), or choose another: --listen 127.0.0.1:9436",
        ) from error
    return sock


def in_words(address: tuple[str, int]) -> str:
    """`127.0.0.1:9435`."""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def require_protection(host: str, *, protected: bool) -> None:
    """UsageError for an address beyond the loopback that any host could read."""
    if not (protected or ipaddress.ip_address(host).is_loopback):
        raise UsageError(
            f"--listen {host} is not the loopback, and any host could read the metrics",
            why="they name jobs, repositories and processes",
            fix="add --auth-file or --tls-client-ca; --unprotected where the network does it",
        )


def refusal_of_evidence(host: str, *, asks: bool, encrypts: bool) -> str:
    """Why past incidents are not shown to clients; "" if they are.

    They have the command lines of processes. `asks`: clients need a password or a
    certificate; `encrypts`: there is TLS.
    """
    if not asks:
        return "past incidents are shown with --auth-file or --tls-client-ca only"
    if not (encrypts or ipaddress.ip_address(host).is_loopback):
        return "past incidents are shown beyond the loopback with --tls-cert only"
    return ""
