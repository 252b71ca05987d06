"""The pages of past incidents: which client sees them, and that nothing stays open."""

import io
import json
import os
import socket
import tarfile
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from ebpftrace.incidents.catalog import Catalog, at_once
from ebpftrace.service.http import server as server_module
from ebpftrace.service.http.answer import Answer, Work
from ebpftrace.service.http.incidents import PATH, IncidentPages
from ebpftrace.service.http.listening import listen, refusal_of_evidence
from ebpftrace.service.http.request import HttpRequest
from ebpftrace.service.http.server import HttpServer
from tests.support.patience import patient
from tests.support.process_state import until
from tests.support.saved import ID, LATER, lines, save, write_log

SECONDS = patient(20.0)
SIZE = 32 << 20  # more than the kernel keeps for a slow reader


def pages(folder: Path, refusal: str = "") -> IncidentPages:
    catalog = Catalog(folder / "audit.jsonl", lambda: [folder / "saved"])
    return IncidentPages(catalog, refusal)


def ask(folder: Path, path: str) -> Answer:
    made = pages(folder).answer(path)
    return made if isinstance(made, Answer) else at_once(made)


@pytest.fixture
def known(tmp_path: Path) -> Path:
    write_log(tmp_path / "audit.jsonl", *lines())
    os.truncate(save(tmp_path / "saved") / "process-smaps", SIZE)
    return tmp_path


@pytest.fixture
def server(known: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    def answer(request: HttpRequest) -> Answer | Work:
        return pages(known).answer(request.path)

    monkeypatch.setattr(server_module, "ACCEPTS_A_SECOND", 1e9)
    made = HttpServer(listen("127.0.0.1", 0), answer)
    made.start()
    yield made
    made.close()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def get(server: HttpServer, path: str, method: str = "GET") -> tuple[bytes, bytes]:
    with socket.create_connection(server.address, SECONDS) as sock:
        sock.sendall(f"{method} {path} HTTP/1.1\r\n\r\n".encode())
        raw = b"".join(iter(lambda: sock.recv(1 << 16), b""))
    head, _, body = raw.partition(b"\r\n\r\n")
    return head, body


def test_the_list_and_an_incident_are_what_the_command_prints(known: Path) -> None:
    listed = json.loads(ask(known, PATH).body)
    shown = json.loads(ask(known, f"{PATH}/{ID}").body)
    assert [one["incident"] for one in listed["incidents"]] == [ID]
    assert shown["steps"][0]["action"] == "signal"


@pytest.mark.parametrize(
    "tail",
    [
        "/", "//", "/..", f"/../{ID}", f"/{ID}/..", f"/{ID}/export/", f"/{ID}/export/..",
        f"/%2e%2e/{ID}", f"/{ID}%00", f"/{ID}/manifest.json", "/audit.jsonl", f"/{ID}//export",
        f"/{LATER}", f"/{LATER}/export",
    ],
)  # fmt: skip
def test_other_paths_are_not_found(tail: str, known: Path) -> None:
    assert ask(known, PATH + tail).status == HTTPStatus.NOT_FOUND


def test_a_refusal_holds_for_every_page(known: Path) -> None:
    for tail in ("", f"/{ID}", f"/{ID}/export", "/x"):
        made = pages(known, "not here").answer(PATH + tail)
        assert isinstance(made, Answer)
        assert made.status == HTTPStatus.FORBIDDEN


def test_clients_are_asked_for_and_the_network_is_not_trusted() -> None:
    assert "--auth-file" in refusal_of_evidence("127.0.0.1", asks=False, encrypts=True)
    assert "--tls-cert" in refusal_of_evidence("0.0.0.0", asks=True, encrypts=False)
    assert refusal_of_evidence("127.0.0.1", asks=True, encrypts=False) == ""
    assert refusal_of_evidence("::", asks=True, encrypts=True) == ""


def test_a_link_to_a_file_of_root_is_an_error_and_shows_nothing(known: Path) -> None:
    (known / "saved" / ID).rename(known / "aside")
    (known / "saved" / ID).symlink_to("/etc")
    for tail in (f"/{ID}", f"/{ID}/export"):
        answer = ask(known, PATH + tail)
        assert answer.status == HTTPStatus.INTERNAL_SERVER_ERROR
        assert b"other users could change" in answer.body


def test_an_archive_is_whole_and_as_long_as_its_head_says(server: HttpServer) -> None:
    head, body = get(server, f"{PATH}/{ID}/export")
    assert f"Content-Length: {len(body)}".encode() in head
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        assert tar.getmember(f"{ID}/process-smaps").size == SIZE


def test_nothing_stays_open_whatever_the_client_does(server: HttpServer) -> None:
    get(server, PATH)
    before = descriptors()
    head, body = get(server, f"{PATH}/{ID}/export", "HEAD")
    assert b"200 OK" in head
    assert body == b""
    for size in (0, 1, 100_000):  # clients that leave
        with socket.create_connection(server.address, SECONDS) as sock:
            sock.sendall(f"GET {PATH}/{ID}/export HTTP/1.1\r\n\r\n".encode())
            got = 0
            while got < size:
                got += len(sock.recv(1 << 16))
    until(lambda: descriptors() <= before)


def test_clients_that_do_not_read_keep_no_other_waiting(server: HttpServer) -> None:
    slow = [socket.create_connection(server.address, SECONDS) for _ in range(6)]
    try:
        for sock in slow:
            sock.sendall(f"GET {PATH}/{ID}/export HTTP/1.1\r\n\r\n".encode())
        assert json.loads(get(server, f"{PATH}/{ID}")[1])["incident"] == ID
        assert get(server, f"{PATH}/{ID}/export")[1].startswith(ID.encode())
    finally:
        for sock in slow:
            sock.close()


def test_evidence_that_is_removed_meanwhile_ends_the_connection(
    server: HttpServer, known: Path
) -> None:
    with socket.create_connection(server.address, SECONDS) as sock:
        sock.sendall(f"GET {PATH}/{ID}/export HTTP/1.1\r\n\r\n".encode())
        first = sock.recv(1)
        file = known / "saved" / ID / "process-smaps"
        with file.open("r+b") as opened:
            opened.truncate(0)  # as if it had been replaced
        body = first + b"".join(iter(lambda: sock.recv(1 << 16), b""))
    length = int(body.partition(b"Content-Length: ")[2].split(b"\r", 1)[0])
    assert len(body.partition(b"\r\n\r\n")[2]) < length
    until(lambda: server.counts["broken"] == 1)
