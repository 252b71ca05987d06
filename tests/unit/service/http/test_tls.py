"""Certificates of the test's own, made by openssl, and clients with and without one."""

import contextlib
import http.client
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from ebpftrace.errors import EbpftraceError, UsageError
from ebpftrace.service.http.answer import plain
from ebpftrace.service.http.listening import listen
from ebpftrace.service.http.server import HttpServer
from ebpftrace.service.http.tls import TlsFiles
from tests.support.patience import patient

SECONDS = patient(20.0)

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """server.pem and client.pem, each with its key, signed by themselves."""
    made = tmp_path_factory.mktemp("tls")
    for name in ("server", "client"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
             "-addext", "subjectAltName=IP:127.0.0.1",
             "-keyout", f"{made}/{name}.key", "-out", f"{made}/{name}.pem"],
            check=True, capture_output=True,
        )  # fmt: skip
    return made


@pytest.fixture
def mutual(folder: Path) -> Iterator[HttpServer]:
    files = TlsFiles(folder / "server.pem", folder / "server.key", folder / "client.pem")
    made = HttpServer(
        listen("127.0.0.1", 0), lambda _: plain(HTTPStatus.OK, "x" * 300_000), files.context()
    )
    made.start()
    yield made
    made.close()


def fetch(server: HttpServer, folder: Path, *, certificate: bool) -> bytes:
    context = ssl.create_default_context(cafile=folder / "server.pem")
    if certificate:
        context.load_cert_chain(folder / "client.pem", folder / "client.key")
    client = http.client.HTTPSConnection(*server.address, timeout=SECONDS, context=context)
    try:
        client.request("GET", "/")
        return client.getresponse().read()
    finally:
        client.close()


def test_a_client_with_a_certificate_gets_its_answer(mutual: HttpServer, folder: Path) -> None:
    assert fetch(mutual, folder, certificate=True).endswith(b"xxx\n")


def test_one_without_gets_none(mutual: HttpServer, folder: Path) -> None:
    with pytest.raises(OSError, match=r"(?i)certificate required|reset|EOF"):
        fetch(mutual, folder, certificate=False)


def test_one_that_does_not_speak_tls_gets_none(mutual: HttpServer) -> None:
    with socket.create_connection(mutual.address, SECONDS) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert b"xxx" not in sock.recv(1 << 16)


def test_handshakes_that_stop_keep_no_client_out(mutual: HttpServer, folder: Path) -> None:
    socks = [socket.create_connection(mutual.address, SECONDS) for _ in range(30)]
    for sock in socks:
        sock.sendall(b"\x16\x03\x01")
    assert fetch(mutual, folder, certificate=True).endswith(b"xxx\n")
    for sock in socks:
        sock.close()


def test_without_a_certificate_there_is_no_tls(folder: Path) -> None:
    assert TlsFiles().context() is None
    with pytest.raises(UsageError, match="need --tls-cert"):
        TlsFiles(key=folder / "server.key").context()


def test_files_that_cannot_be_used_are_named(folder: Path, tmp_path: Path) -> None:
    for files in (
        TlsFiles(tmp_path / "none.pem"),
        TlsFiles(folder / "server.key"),
        TlsFiles(folder / "server.pem", folder / "client.key"),
        TlsFiles(folder / "server.pem", folder / "server.key", folder / "server.key"),
    ):
        with pytest.raises(EbpftraceError, match="cannot be used"):
            files.context()
