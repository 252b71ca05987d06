"""Policies, watches that act on them, and what their audit log says, for tests of users."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.support.patience import patient
from tests.support.records import Record, Watch
from tests.support.respawn import COMM

SECONDS = patient(60.0)


def policy(
    folder: Path, *lines: str, then: str, comm: str = COMM, when: str | None = None
) -> Path:
    """A file with one policy: growth of 64 MiB a minute, the evidence first."""
    file = folder / "policy.toml"
    when = when or '{ detector = "growth", bound = "64MiB", window = "60s" }'
    head = ["[[policy]]", 'name = "leaks"', 'grace = "0s"', f'match.comm = "{comm}"']
    ladder = f'then = [{{ action = "capture", folder = "{folder}/evidence" }}, {then}]'
    file.write_text("\n".join([*head, *lines, f"when = [{when}]", ladder]) + "\n")
    file.chmod(0o644)
    return file


def watching(folder: Path, *options: str, comm: str = COMM) -> Watch:
    """A watch of that name, with its audit log in the folder."""
    audit = ("--audit", str(folder / "audit.jsonl"))
    return Watch("--comm", comm, "--interval", "200ms", *audit, *options)


def is_type(kind: str) -> Callable[[Record], bool]:
    """Is it a record of this type?"""
    return lambda record: bool(record["type"] == kind)


def is_step(action: str) -> Callable[[Record], bool]:
    """Is it how this action ended?"""
    return lambda record: record["type"] == "step" and record["action"] == action


def of_type(watch: Watch, kind: str) -> list[Record]:
    """The records of one type that came so far."""
    return [record for record in watch.records if record["type"] == kind]


def logged(folder: Path, kind: str | None = None) -> list[Record]:
    """The lines of the audit log, or those of one type."""
    lines = (folder / "audit.jsonl").read_text().splitlines()
    records: list[Record] = [json.loads(line) for line in lines]
    return [one for one in records if kind in (None, one["type"])]
