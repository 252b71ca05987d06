"""One run of a CI job, as its variables tell it, and how to name it briefly."""

import re
from dataclasses import dataclass

from ebpftrace.host.environ import Environ
from ebpftrace.text import clean

NAME_WIDTH = 32

_WORD = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:-]{0,127}")


@dataclass(frozen=True, slots=True)
class CiRun:
    """`run` tells runs of jobs apart, attempts and matrix legs too, within one CI system."""

    kind: str
    run: str
    name: str
    variable: str  # the one that shows it: "GITHUB_RUN_ID"


def number(environ: Environ, name: str) -> str:
    """A variable that must be a whole number; "" if it is none."""
    value = environ.get(name, 20)
    return value if value.isascii() and value.isdigit() else ""


def word(environ: Environ, name: str) -> str:
    """A variable that must be an identifier (a number, a UUID, a slug); "" if it is none."""
    value = environ.get(name, 128)
    return value if _WORD.fullmatch(value) else ""


def run_id(*parts: str) -> str:
    """The parts that are there, joined; none can pretend to be two."""
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)


def short_name(project: str, count: str, job: str = "", detail: str = "") -> str:
    """`group/project#12 test (detail)` in 32 columns.

    To make it fit, the detail goes first, then the group, then the middle of the project;
    the job is what tells rows of a table apart, so it is cut last.
    """
    tail = f"#{count}" if count else ""
    tail += f" {job}" if job else ""
    base = project.rstrip("/").rpartition("/")[2]
    for head, end in ((project, f" ({detail})" if detail else ""), (project, ""), (base, "")):
        if len(head) + len(tail) + len(end) <= NAME_WIDTH:
            return head + tail + end
    room = max(8, NAME_WIDTH - len(tail))
    return clean(clean(base, room) + tail, NAME_WIDTH)
