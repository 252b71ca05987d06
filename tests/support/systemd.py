"""Transient units of the tests' own, started, asked and always removed again."""

import secrets
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.patience import patient

SECONDS = patient(30.0)


def require_systemd() -> None:
    """Skip, with the reason, where systemd is not process 1 (see sd_booted(3))."""
    if not Path("/run/systemd/system").is_dir():
        pytest.skip("systemd is not process 1 here; the machines of tests/vm can have it")


def unit_name(kind: str = "service", middle: str = "") -> str:
    """A unique unit name, short enough for a column; `middle` is put into it as it is."""
    return f"ebpft-{middle}{secrets.token_hex(4)}.{kind}"


@dataclass(frozen=True)
class Unit:
    """A unit by name."""

    name: str

    def show(self, name: str) -> str:
        """A property, in systemd's own words."""
        argv = ["systemctl", "show", f"--property={name}", "--value", "--", self.name]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    @property
    def pid(self) -> int:
        """Of its main process; waits until there is one."""
        end = time.monotonic() + SECONDS
        while (pid := int(self.show("MainPID"))) == 0:
            assert time.monotonic() < end, f"{self.name} has no main process"
            time.sleep(0.05)
        return pid


@contextmanager
def service(
    argv: Sequence[str | Path], *properties: str, name: str = "", slice_: str = ""
) -> Iterator[Unit]:
    """A service that runs `argv`; stopped and forgotten afterwards, and its slice too."""
    unit = Unit(name or unit_name())
    options = [f"--property={text}" for text in properties]
    options += [f"--slice={slice_}"] if slice_ else []
    started = ["systemd-run", "--quiet", f"--unit={unit.name}", *options, "--"]
    try:
        subprocess.run([*started, *map(str, argv)], check=True, timeout=SECONDS)
        yield unit
    finally:
        stop(unit.name)
        if slice_:
            stop(slice_)


@contextmanager
def started(name: str, *others: str) -> Iterator[Unit]:
    """A unit that vagrant/provision.sh installed, for as long as it is needed.

    Skips, with the reason, where there is none. `others` are started after it.
    """
    unit = Unit(name)
    if unit.show("LoadState") != "loaded":
        pytest.skip(f"there is no {name} here: vagrant/provision.sh makes one")
    try:
        for one in (name, *others):
            subprocess.run(["systemctl", "start", "--", one], check=True, timeout=SECONDS)
        yield unit
    finally:
        for one in (*others, name):
            stop(one)


def stop(name: str) -> None:
    """Stop and forget a unit, if there is one."""
    for verb in ("stop", "reset-failed"):
        subprocess.run(["systemctl", verb, "--", name], capture_output=True, check=False)
