"""shell: run a line of the policy in /bin/sh. The only action that uses a shell."""

from dataclasses import dataclass
from typing import Annotated

from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.actions.support.program import prepare_program, start_program
from ebpftrace.act.actions.support.running import Running
from ebpftrace.act.incident.incident import Incident
from ebpftrace.units import KIB, NS_PER_SECOND

SHELL = "/bin/sh"


@dataclass(frozen=True, slots=True)
class ShellOptions:
    """The options of one step."""

    line: Annotated[str, "what /bin/sh -c is given; facts are in EBPFTRACE_* and on stdin"]
    output_bytes: Annotated[int, "bytes", "how much of its output is kept"] = 64 * KIB


def start(incident: Incident, options: ShellOptions) -> Running:
    """Facts are passed as variables and never become part of the line."""
    return start_program(
        (SHELL, "-c", options.line), incident, output_bytes=options.output_bytes, added={}
    )


ACTION = Action(
    name="shell",
    options=ShellOptions,
    doc="run a line in a shell, with the facts as EBPFTRACE_* variables and JSON on stdin",
    timeout_ns=30 * NS_PER_SECOND,
    start=start,
    prepare=prepare_program,
    concurrent=False,
    after_outcome=False,
    informational=False,
    temporary=False,
    spends_budget=True,
    saves_evidence=False,
    awaits_evidence=False,
)
