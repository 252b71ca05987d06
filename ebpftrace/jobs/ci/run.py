"""What every CI system is made of: the process it looks at, and the run it finds."""

import re
from collections.abc import Callable
from typing import NamedTuple, Protocol

from ebpftrace.host.environ import Environ
from ebpftrace.jobs.identity import NO_ORIGIN, RunOrigin
from ebpftrace.text import clean

NAME_WIDTH = 32

_WORD = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:-]{0,127}")


class CiProcess(NamedTuple):
    """A process that may belong to a CI run; its arguments are read on demand only."""

    comm: str
    environ: Environ
    read_args: Callable[[], tuple[str, ...]] = tuple


class CiRun(NamedTuple):
    """One run of a CI job.

    `run` is unique within the CI system: attempts and legs of a matrix differ in it.
    `name` has NAME_WIDTH columns at most. `recurring` is what the job is called in each of
    its runs: server, repository, workflow, job and leg of the matrix, joined by `run_id`.
    """

    kind: str
    run: str
    name: str
    variable: str  # the variable that identified it: "GITHUB_RUN_ID"
    recurring: str = ""
    origin: RunOrigin = NO_ORIGIN


class CiSystem(Protocol):
    """A CI system: a row of table.py, or a class of its own that systems.py lists."""

    @property
    def kind(self) -> str:
        """What a policy's `job_kind` matches, and what the views show: "github"."""

    @property
    def agents(self) -> tuple[str, ...]:
        """Names of the programs that start jobs; their own environment is not a job's."""

    def identify(self, process: CiProcess) -> CiRun | None:
        """The run that this process's own environment names; None if it names none."""


def number(environ: Environ, name: str) -> str:
    """A variable that must be a whole number; "" if it is not."""
    value = environ.get(name, 20)
    return value if value.isascii() and value.isdigit() else ""


def word(environ: Environ, name: str) -> str:
    """A variable that must be an identifier (a number, a UUID, a slug); "" if it is not."""
    value = environ.get(name, 128)
    return value if _WORD.fullmatch(value) else ""


def run_id(*parts: str) -> str:
    """The parts joined by slashes, each escaped so that different parts never join equally.

    Empty parts at the end are left out: a system always gives the same number of parts.
    """
    escaped = (part.replace("%", "%25").replace("/", "%2F") for part in parts)
    return "/".join(escaped).rstrip("/")


def short_name(project: str, count: str, job: str = "", detail: str = "") -> str:
    """`group/project#12 test (detail)` in NAME_WIDTH columns.

    To make it fit, the detail goes first, then the group, then the middle of the project.
    The job is cut last, since it is what distinguishes the rows of a table.
    """
    tail = f"#{count}" if count else ""
    tail += f" {job}" if job else ""
    base = project.rstrip("/").rpartition("/")[2]
    for head, end in ((project, f" ({detail})" if detail else ""), (project, ""), (base, "")):
        if len(head) + len(tail) + len(end) <= NAME_WIDTH:
            return head + tail + end
    room = max(8, NAME_WIDTH - len(tail))
    return clean(clean(base, room) + tail, NAME_WIDTH)
