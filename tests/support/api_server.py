"""A server with TLS that answers like a Kubernetes API server, or as rudely as a test wants."""

import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ebpftrace.kubernetes.account import ServiceAccount

Answer = Callable[[bytes, ssl.SSLSocket], None]
"""Given the request's head and the connection."""


def body(text: str, status: str = "200 OK") -> bytes:
    """A whole answer."""
    data = text.encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


@contextmanager
def api_server(folder: Path, answer: Answer) -> Iterator[ServiceAccount]:
    """The account to ask it with; each connection is answered on a thread of its own."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=it", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", folder / "key", "-out", folder / "ca.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    (folder / "token").write_text("secret", encoding="ascii")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.crt", folder / "key")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener, context, answer), daemon=True).start()
        yield ServiceAccount("127.0.0.1", listener.getsockname()[1], folder, "n1")
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket, context: ssl.SSLContext, answer: Answer) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_one, args=(client, context, answer), daemon=True).start()


def _one(client: socket.socket, context: ssl.SSLContext, answer: Answer) -> None:
    with client, suppress(OSError), context.wrap_socket(client, server_side=True) as secure:
        head = b""
        while b"\r\n\r\n" not in head and (piece := secure.recv(65536)):
            head += piece
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        left = int(length[1]) - len(head.partition(b"\r\n\r\n")[2]) if length else 0
        while left > 0 and (piece := secure.recv(65536)):  # unread, it would reset the answer
            left -= len(piece)
        answer(head, secure)
