"""The guards' own records of the processes that they ended."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.build import ROOT

# By pid, or a whole cgroup. Sources: kill.c of earlyoom, oomd-manager.c of systemd.
BY_EBPFTRACE = re.compile(r"^\S+ (\d+) ended by [A-Z]+ after ", re.MULTILINE)
BY_SYSTEMD_OOMD = re.compile(r"^Killed (\S+) due to ", re.MULTILINE)
BY_EARLYOOM = re.compile(r"^sending SIG[A-Z]+ to process (\d+) ", re.MULTILINE)
BY_SHELL = re.compile(r": ended +(\d+)$", re.MULTILINE)
BY_KERNEL = re.compile(r"Killed process (\d+) ")


@dataclass(frozen=True, slots=True)
class Left:
    """What a guard left behind, in words, and the pids and cgroups that it ended."""

    description: str = ""
    ended: frozenset[str] = frozenset()


def left(text: str, pattern: re.Pattern[str], where: str) -> Left:
    """The lines of a guard's own record about processes that it ended."""
    ended = pattern.findall(text)
    description = (
        f"{len(ended)} line{'s' * (len(ended) != 1)} in {where}" if ended else "nothing"
    )
    return Left(description, frozenset(ended))


def done(audit: Path) -> str:
    """The details of the audit log's steps that were done, one a line."""
    records = [json.loads(line) for line in audit.read_text(encoding="utf-8").splitlines()]
    steps = [one for one in records if one["type"] == "step" and one["status"] == "done"]
    return "\n".join(one["detail"] for one in steps)


def journal(whose: str) -> str:
    """The messages alone; `whose` is an option of journalctl."""
    return output_of("journalctl", "--no-pager", "--output=cat", whose)


def output_of(*argv: str) -> str:
    """A program's output, on both its streams: earlyoom's version is on the second."""
    run = subprocess.run(
        argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True
    )
    return run.stdout.decode(errors="replace")
