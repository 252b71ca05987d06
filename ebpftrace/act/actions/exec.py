"""exec: run a program with its arguments, without a shell."""

from dataclasses import dataclass, field
from typing import Annotated

from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.actions.support.program import prepare_program, start_program
from ebpftrace.act.actions.support.running import Running
from ebpftrace.act.incident.incident import Incident
from ebpftrace.text import clean
from ebpftrace.units import KIB, NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class ExecOptions:
    """The options of one step."""

    command: Annotated[tuple[str, ...], "the program and its arguments"]
    environment: Annotated[dict[str, str], "variables added to its environment"] = field(
        default_factory=dict
    )
    output_bytes: Annotated[int, "bytes", "how much of its output is kept"] = 64 * KIB

    def __post_init__(self) -> None:
        if not self.command:
            raise ValueError("command is empty")
        if len(self.command) == 1 and " " in self.command[0]:
            word = clean(self.command[0], 40)
            raise ValueError(f'command "{word}" is one word; write ["program", "argument"]')
        if wrong := [name for name in self.environment if "=" in name]:
            raise ValueError(f'environment has the name "{clean(wrong[0], 40)}", with a "="')


def start(incident: Incident, options: ExecOptions) -> Running:
    """The program is looked up in our PATH if it names no folder."""
    return start_program(
        options.command,
        incident,
        output_bytes=options.output_bytes,
        added=options.environment,
    )


ACTION = Action(
    name="exec",
    options=ExecOptions,
    doc="run a program, with the facts as EBPFTRACE_* variables and JSON on stdin",
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
