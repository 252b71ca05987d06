"""`ebpftrace serve` over HTTP, with real processes, as Prometheus and systemd use it."""

import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from ebpftrace.errors import ListenError, LogTakenError, PolicyError
from ebpftrace.units import KIB
from tests.support import cli
from tests.support.acting import policy
from tests.support.cgroups import memory_cgroup
from tests.support.disks import fill, small_disk
from tests.support.prometheus import program, scraping
from tests.support.respawn import COMM, respawned
from tests.support.serving import Serve
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

MIB = 1 << 20
NAME = f"served{os.getpid()}"[:15]


def serve(tmp_path: Path, *options: str, comm: str = NAME) -> Serve:
    audit = ("--audit", str(tmp_path / "audit.jsonl"), "--no-history")
    return Serve("--comm", comm, *audit, *options)


def test_a_scrape_has_the_process_and_its_job_and_both_formats_are_valid(
    tmp_path: Path,
) -> None:
    with (
        memory_cgroup(512 * MIB) as group,
        serve(tmp_path) as served,
        Workload(NAME, cgroup=group, environment={
            "CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "17",
            "GITHUB_REPOSITORY": "acme/app", "GITHUB_WORKFLOW": "build",
            "GITHUB_JOB": "test", "GITHUB_SERVER_URL": "https://github.example",
        }) as work,
    ):  # fmt: skip
        work.do("map 100MiB")
        work.do("touch 0")
        served.until(
            lambda: (served.value("ebpftrace_process_memory_bytes", pid=str(work.pid),
                                  type="anon") or 0) >= 100 * MIB
        )  # fmt: skip
        found = served.metrics()
        info = found["ebpftrace_job"].samples[0].labels
        assert info["repository"] == "acme/app"
        assert info["workflow"] == "build"
        assert info["job"] == "test"
        assert info["url"] == "https://github.example/acme/app/actions/runs/17"
        limit = served.value("ebpftrace_job_spec_memory_limit_bytes")
        assert limit == 512 * MIB
        assert (served.value("ebpftrace_job_memory_usage_bytes") or 0) >= 100 * MIB
        text = served.get("/metrics")[1]
    done = subprocess.run(
        [program("promtool"), "check", "metrics"], input=text, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_job_that_ended_between_two_scrapes_is_seen_with_its_peak(tmp_path: Path) -> None:
    with serve(tmp_path, "--keep-ended", "1h") as served:
        served.wait_until_ready()
        with memory_cgroup() as group:
            with Workload(NAME, cgroup=group) as work:
                work.do("map 64MiB")
                work.do("touch 0")
            name = group.name
        served.until(lambda: served.value("ebpftrace_job_running") == 0)
        (peak,) = served.metrics()["ebpftrace_job_memory_peak_bytes"].samples
        assert peak.value >= 64 * MIB
        info = served.metrics()["ebpftrace_job"].samples[0].labels
        assert name.endswith(info["cgroup"].rpartition("/")[2])
        assert "ebpftrace_process_memory_bytes" in served.metrics()
        assert not served.metrics()["ebpftrace_process_memory_bytes"].samples
        assert served.end() == 0


def test_a_real_prometheus_sees_a_leak_grow(tmp_path: Path) -> None:
    with (
        memory_cgroup(1024 * MIB) as group,
        serve(tmp_path) as served,
        scraping(served.port, tmp_path) as prometheus,
        Workload(NAME, cgroup=group) as leak,
    ):
        grown = 0

        def seen() -> bool:
            nonlocal grown
            leak.do("map 4MiB")
            leak.do(f"touch {grown}")
            grown += 1
            found = prometheus.query(
                f'delta(ebpftrace_process_memory_bytes{{pid="{leak.pid}",type="anon"}}[1m])'
                " > 8e6 and on () up == 1"
            )
            return bool(found) or grown >= 200

        served.until(seen)
        assert grown < 200, "no scrape showed that it grew"
        (joined,) = prometheus.query(
            "ebpftrace_job_memory_usage_bytes"
            " * on (instance, job_key) group_left (cgroup) ebpftrace_job_info"
        )
        assert joined["metric"]["cgroup"]
        assert prometheus.query('ebpftrace_check{check="loop"} == 1')


def test_actions_are_counted_and_written_for_a_journal(tmp_path: Path) -> None:
    file = policy(tmp_path, then='{ action = "signal", grace = "1s" }')
    log = tmp_path / "log"
    with log.open("wb") as out:
        found = os.fstat(out.fileno())
        journal = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        with (
            memory_cgroup() as group,
            Serve("--comm", COMM, "--audit", str(tmp_path / "audit.jsonl"), "--no-history",
                  "--config", str(file), stdout=out, environment=journal) as served,
            respawned(group),
        ):  # fmt: skip
            served.until(
                lambda: served.value("ebpftrace_incidents", policy="leaks", result="helped")
            )
            done = {"policy": "leaks", "status": "done"}
            assert served.value("ebpftrace_actions", action="signal", **done) == 1
            assert served.value("ebpftrace_actions", action="capture", **done) == 1
            count = "ebpftrace_first_action_seconds_count"
            assert served.value("ebpftrace_first_action_seconds", count) == 1
            assert served.value("ebpftrace_check", check="audit") == 1
            assert served.end() == 0
    lines = log.read_text(encoding="utf-8").splitlines()
    assert all(re.match(r"<[2-6]>\w+: ", line) for line in lines), lines
    kinds = [re.sub(r"<\d>(\w+):.*", r"\1", line) for line in lines]
    assert kinds[0] == "start"
    assert kinds[-1] == "end"
    assert [kind for kind in kinds if kind in ("step", "outcome")][:3] == [
        "step", "step", "outcome",
    ]  # fmt: skip


def test_systemd_learns_of_the_start_a_reload_and_the_end(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(cli.SECONDS)
        variables = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "3000000"}

        def heard(wanted: str) -> None:
            while not manager.recv(4096).decode().startswith(wanted):
                pass

        with Serve("--comm", NAME, "--no-history", environment=variables) as served:
            heard("READY=1")
            assert served.get("/readyz")[0] == 200
            heard("WATCHDOG=1")
            served.process.send_signal(signal.SIGHUP)
            heard("RELOADING=1\nMONOTONIC_USEC=")
            heard("READY=1")
            heard("WATCHDOG=1")
            assert served.end() == 0
            heard("STOPPING=1")


def test_a_policy_that_is_wrong_on_reload_is_not_ready_until_it_is_mended(
    tmp_path: Path,
) -> None:
    file = policy(tmp_path, then='{ action = "signal" }')
    good = file.read_text(encoding="utf-8")
    with serve(tmp_path, "--config", str(file)) as served:
        served.wait_until_ready()
        file.write_text(good + "\nnonsense = 1\n", encoding="utf-8")
        served.process.send_signal(signal.SIGHUP)
        served.until(lambda: served.get("/readyz")[0] == 503)
        assert "FAIL policies: not reloaded, 1 policy kept" in served.get("/readyz")[1]
        assert served.get("/healthz")[0] == 200
        file.write_text(good, encoding="utf-8")
        served.process.send_signal(signal.SIGHUP)
        served.wait_until_ready()


def test_a_port_that_is_taken_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        done = cli.ebpftrace("serve", "--no-history", "--listen", address)
    cli.assert_explained(done, ListenError.exit_code)


def test_one_that_acts_insists_on_it(tmp_path: Path) -> None:
    file = policy(tmp_path, then='{ action = "signal" }')
    with serve(tmp_path, "--config", str(file)) as served:
        served.wait_until_ready()
        done = cli.ebpftrace(
            "serve", "--listen", "127.0.0.1:0", "--no-history", "--config", str(file),
            "--audit", str(tmp_path / "audit.jsonl"),
        )  # fmt: skip
    assert done.returncode == LogTakenError.exit_code, done.stderr


def test_options_come_from_the_environment_and_the_file(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('[serve]\nmax-series = 777\ncomm = "x"\n', encoding="utf-8")
    variables = {"EBPFTRACE_SERVE_CONFIG": str(file), "EBPFTRACE_SERVE_COMM": NAME}
    log = tmp_path / "log"
    with (
        log.open("wb") as out,
        Serve("--no-history", "--audit", str(tmp_path / "audit"), stdout=out,
              environment=variables) as served,
    ):  # fmt: skip
        served.wait_until_ready()
        assert served.value("ebpftrace_max_series") == 777
        assert served.end() == 0
    assert f"watching comm {NAME}" in log.read_text(encoding="utf-8")
    file.write_text("[serve]\nmax-serie = 777\n", encoding="utf-8")
    done = cli.ebpftrace("serve", environment=variables)
    assert done.returncode == PolicyError.exit_code
    assert 'line 2: serve.max-serie: found an unknown key, expected "max-series"' in done.stderr


def test_a_log_whose_reader_leaves_ends_nothing(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with Serve("--comm", NAME, "--no-history", stdout=writing) as served:
        os.close(writing)
        served.wait_until_ready()
        os.close(reading)
        served.process.send_signal(signal.SIGHUP)  # which writes a line
        served.until(lambda: served.value("ebpftrace_log_lines_lost"))
        served.wait_until_ready()
        assert served.end() == 0


def test_it_is_not_ready_while_the_audit_log_cannot_be_written(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64 * KIB) as disk:
        file = policy(tmp_path, then='{ action = "signal" }')
        with (
            memory_cgroup() as group,
            Serve("--comm", COMM, "--no-history", "--audit", str(disk / "audit.jsonl"),
                  "--config", str(file)) as served,
            Workload(COMM, cgroup=group) as leaky,
        ):  # fmt: skip
            served.wait_until_ready()
            filler = fill(disk)
            leaky.do("map 100MiB")
            leaky.send("touch 0")
            served.until(lambda: served.get("/readyz")[0] == 503)
            said = "FAIL audit: the audit log cannot be written: No space left on device"
            assert said in served.get("/readyz")[1]
            assert served.get("/healthz")[0] == 200
            filler.unlink()
            served.wait_until_ready()
