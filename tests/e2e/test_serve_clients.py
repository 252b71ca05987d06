"""Hostile clients of a running `serve`: it stays ready, and nothing of them is left."""

import base64
import os
import random
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import cli
from tests.support.serving import Serve
from tests.support.workload import status

pytestmark = pytest.mark.kernel

HALF_OPEN, FUZZED = 2000, 1000
MOST_GROWTH = 8 << 20


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_half_open_slow_and_fuzzed_clients_leave_everything_as_it_was() -> None:
    seeded = random.Random(17)
    with Serve("--comm", "no-such-name", "--no-history") as served:
        served.wait_until_ready()
        served.metrics()
        before, resident = descriptors(served.pid), status(served.pid)["VmRSS"]
        taken = served.value("ebpftrace_snapshots") or 0
        for _ in range(HALF_OPEN // 100):
            with ExitStack() as stack:
                for _ in range(100):
                    sock = stack.enter_context(socket.socket())
                    sock.setblocking(False)
                    sock.connect_ex(("127.0.0.1", served.port))
                served.until(lambda: served.get("/readyz")[0] == 200)
        for _ in range(FUZZED):
            with served.connect() as sock:
                noise = bytearray(b"GET /metrics HTTP/1.1\r\nAccept: x\r\n\r\n")
                for _ in range(seeded.randrange(12)):
                    noise[seeded.randrange(len(noise))] = seeded.randrange(256)
                sock.sendall(noise)
        served.until(lambda: served.get("/readyz")[0] == 200)
        served.until(lambda: descriptors(served.pid) <= before)
        assert status(served.pid)["VmRSS"] - resident < MOST_GROWTH
        assert (served.value("ebpftrace_snapshots") or 0) > taken
        assert not served.metrics()["ebpftrace_losses"].samples
        assert served.end() == 0


def test_metrics_are_for_users_of_the_auth_file_and_probes_for_all(tmp_path: Path) -> None:
    piped = ("sh", "-c", 'echo pw | "$@"', "-")
    hashed = cli.ebpftrace("serve", "--hash-password", before=piped)
    file = tmp_path / "users"
    file.write_text(f"prometheus:{hashed.stdout}", encoding="utf-8")
    right = "Basic " + base64.b64encode(b"prometheus:pw").decode()
    with Serve("--comm", "no-such-name", "--no-history", "--auth-file", str(file)) as served:
        served.wait_until_ready()
        assert served.get("/metrics")[0] == 401
        assert served.get("/metrics", Authorization=right)[0] == 200
        file.write_text("broken\n", encoding="utf-8")
        os.kill(served.pid, 1)
        said = "FAIL policies: line 1 of the auth file"
        served.until(lambda: said in served.get("/readyz")[1])
        assert served.get("/metrics", Authorization=right)[0] == 200
