"""The parts together: what is refused at the start, and a reload that is wrong."""

import http.client
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.errors import EbpftraceError, UsageError
from ebpftrace.service.http.passwords import hash_password
from ebpftrace.service.http.tls import TlsFiles
from ebpftrace.service.notify import Notifier
from ebpftrace.service.service import Service, ServiceOptions
from tests.support.patience import patient


def opened(**changes: Any) -> Service:
    fields: dict[str, Any] = {"host": "127.0.0.1", "port": 0, "tls": TlsFiles()}
    fields |= {"keep_ended_ns": 0, "max_series": 500}
    return Service(ServiceOptions(**(fields | changes)), Notifier({}), acts=False)


def status(address: str, path: str) -> int:
    client = http.client.HTTPConnection(address, timeout=patient(20.0))
    try:
        client.request("GET", path)
        return client.getresponse().status
    finally:
        client.close()


def test_it_answers_from_its_start_to_its_close() -> None:
    service = opened()
    service.start()
    address = service.address
    assert status(address, "/healthz") == 200
    assert status(address, "/readyz") == 503
    service.close()
    with pytest.raises(ConnectionRefusedError):
        status(address, "/healthz")


def test_beyond_the_loopback_it_needs_protection(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not the loopback"):
        opened(host="0.0.0.0")
    opened(host="0.0.0.0", unprotected=True).close()
    file = tmp_path / "users"
    file.write_text(f"me:{hash_password('pw')}\n", encoding="utf-8")
    opened(host="0.0.0.0", auth_file=file).close()


def test_a_reload_that_is_wrong_keeps_the_old_passwords(tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_text(f"me:{hash_password('pw')}\n", encoding="utf-8")
    service = opened(auth_file=file)
    before = service._app.passwords
    file.write_text("nonsense\n", encoding="utf-8")
    assert "line 1 of the auth file" in service._reload()
    assert service._app.passwords is before
    file.write_text(f"me:{hash_password('new')}\n", encoding="utf-8")
    assert service._reload() == ""
    assert service._app.passwords is not before
    service.close()


def test_a_wrong_file_is_an_error_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(EbpftraceError, match="cannot read the auth file"):
        opened(auth_file=tmp_path / "none")
