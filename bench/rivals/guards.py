"""The guards, each with its defaults or as people write it, one at a time."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.rivals.evidence import (
    BY_EARLYOOM,
    BY_EBPFTRACE,
    BY_KERNEL,
    BY_SHELL,
    BY_SYSTEMD_OOMD,
    Left,
    done,
    journal,
    left,
    output_of,
)
from bench.rivals.job import CULPRIT, SLICE
from ebpftrace.units import format_bytes
from tests.support.build import ROOT
from tests.support.sessions import end_session, session_mark

_WAIT_SECONDS = 90.0
_OOMD = ("systemd-oomd.service", "systemd-oomd.socket")

_POLICY = """
[[policy]]
name = "guard"
match.comm = "{comm}"
when = [
    {{ detector = "growth", bound = "128MiB", window = "60s" }},
    {{ detector = "thrash" }},
    {{ detector = "builtin", least = "critical" }},
]
then = [
    {{ action = "capture", folder = "{folder}/evidence" }},
    {{ action = "signal", grace = "2s" }},
]
grace = "3s"
"""

# The job's cgroup is new each time, so the guard lists the slice.
_SHELL = r"""
machine=$(($(awk '/^MemTotal:/ { print $2 }' /proc/meminfo) * 1024))
while sleep 1; do
    for group in /sys/fs/cgroup/SLICE/*/; do
        read -r held <"$group/memory.current" || continue
        read -r limit <"$group/memory.max" || continue
        [ "$limit" = max ] && limit=$machine
        [ "$held" -lt $((limit / 10 * 8)) ] && continue
        largest=$(ps -o pid= --sort=-rss -p "$(paste -sd, "$group/cgroup.procs")" | head -n 1)
        echo "$group holds $held: ended $largest"
        kill -TERM $largest
    done
done 2>/dev/null
"""

Evidence = Callable[[], Left]
"""Called while the guard still runs."""


@dataclass(frozen=True, slots=True)
class Guard:
    """`run` starts it and ends it with the context; `version` is the program's own."""

    name: str
    description: str
    run: Callable[[], AbstractContextManager[Evidence]]
    version: Callable[[], str]


@contextmanager
def _no_guard() -> Iterator[Evidence]:
    """The kernel alone; its log is no guard's record, so it attributes no kill here."""
    since = journal("--dmesg")
    yield lambda: Left(
        left(journal("--dmesg")[len(since) :], BY_KERNEL, "the kernel's log").description
    )


@contextmanager
def _ebpftrace() -> Iterator[Evidence]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        policy = folder / "policy.toml"
        policy.write_text(_POLICY.format(comm=CULPRIT, folder=folder))
        argv = [sys.executable, "-m", "ebpftrace", "watch", "--no-history"]
        argv += ["--comm", CULPRIT]
        argv += ["--config", str(policy), "--audit", str(folder / "audit.jsonl")]

        def evidence() -> Left:
            log = left(done(folder / "audit.jsonl"), BY_EBPFTRACE, "its audit log")
            files = [one for one in (folder / "evidence").rglob("*") if one.is_file()]
            if not files:
                return log
            size = format_bytes(sum(one.stat().st_size for one in files))
            return Left(f"{len(files)} files, {size}; {log.description}", log.ended)

        with _running([*argv, "--output", "jsonl"], ready='"type":"snapshot"'):
            yield evidence


def alone(guard: Guard) -> bool:
    """Whether systemd runs no other guard."""
    state = subprocess.run(
        ["systemctl", "is-active", _OOMD[0]], capture_output=True, text=True, check=False
    ).stdout.strip()
    return (state == "active") == (guard.run is _systemd_oomd)


@contextmanager
def _systemd_oomd() -> Iterator[Evidence]:
    unit = _OOMD[0]
    its_own = f"--unit={unit}"
    properties = ("ManagedOOMMemoryPressure=kill", "ManagedOOMSwap=kill")
    since = journal(its_own)
    for argv in (
        ["systemctl", "unmask", *_OOMD],
        ["systemctl", "start", unit],
        ["systemctl", "set-property", "--runtime", SLICE, *properties],
    ):
        subprocess.run(argv, check=True, capture_output=True)
    try:
        yield lambda: left(journal(its_own)[len(since) :], BY_SYSTEMD_OOMD, "its journal")
    finally:
        # Its socket would start it again, and so would a slice that it manages.
        for argv in (
            ["systemctl", "revert", SLICE],
            ["systemctl", "stop", *_OOMD],
            ["systemctl", "mask", *_OOMD],
        ):
            subprocess.run(argv, check=True, capture_output=True)


@contextmanager
def _earlyoom() -> Iterator[Evidence]:
    with _running(["earlyoom"], ready="sending SIGTERM when") as output:
        yield lambda: left(output(), BY_EARLYOOM, "its output")


@contextmanager
def _shell() -> Iterator[Evidence]:
    script = _SHELL.replace("SLICE", SLICE)
    with _running(["bash", "-c", script]) as output:
        yield lambda: left(output(), BY_SHELL, "its output")


GUARDS = (
    Guard(
        "no guard",
        "the kernel's OOM killer alone",
        _no_guard,
        lambda: f"Linux {os.uname().release}",
    ),
    Guard(
        "ebpftrace",
        "128 MiB gained in 60 s, `thrash`, or a critical finding; then `capture`, `signal`",
        _ebpftrace,
        lambda: output_of(sys.executable, "-m", "ebpftrace", "--version").split()[-1],
    ),
    Guard(
        "systemd-oomd",
        "its defaults (pressure above 60 % for 30 s, swap above 90 %) on the job's slice",
        _systemd_oomd,
        lambda: output_of("systemctl", "--version").split()[1],
    ),
    Guard(
        "earlyoom",
        "its defaults (10 % of memory and 10 % of swap left)",
        _earlyoom,
        lambda: output_of("earlyoom", "-v").split()[-1].removeprefix("v"),
    ),
    Guard(
        "shell guard",
        "each second, memory.current at 80 % of memory.max, or of the machine's memory where"
        " there is no limit; TERM to the largest of the cgroup",
        _shell,
        lambda: f"bash {output_of('bash', '-c', 'echo $BASH_VERSION').strip()}",
    ),
)


@contextmanager
def _running(argv: list[str], ready: str = "") -> Iterator[Callable[[], str]]:
    """Run a program while the context is open; yields a function returning its output."""
    mark = session_mark()
    with tempfile.NamedTemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            cwd=ROOT, env={**os.environ, **mark}, start_new_session=True,
        )  # fmt: skip

        def wrote() -> str:
            return Path(output.name).read_text(encoding="utf-8", errors="replace")

        try:
            _wait_for(lambda: ready in wrote(), process)
            yield wrote
        finally:
            end_session(process, mark)


def _wait_for(met: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _WAIT_SECONDS
    while not met():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"{process.args!r} does not begin")
        time.sleep(0.1)
