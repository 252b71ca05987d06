"""The options that `watch` and `serve` share, and what they ask the engine for."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ebpftrace.act.audit.place import DEFAULT_FILE
from ebpftrace.act.policy.options import PolicyOptions
from ebpftrace.act.policy.store import PolicyStore, default_file
from ebpftrace.cli.parameters import HISTORY_FILE, Duration, Memory, Pid
from ebpftrace.engine import WatchRequest
from ebpftrace.errors import UsageError
from ebpftrace.probe.globs import compile_globs
from ebpftrace.probe.selection import Selection

if TYPE_CHECKING:
    from ebpftrace.act.policy.policy import Policy

Decorator = Callable[[Any], Any]

_DEFAULT_COMMS = ("gopls",)

_SELECTION: tuple[Decorator, ...] = (
    click.option("--comm", "comms", multiple=True, metavar="GLOB",
                 help="Process name, as ps -o comm has it. Repeatable.  [gopls]"),
    click.option("--pid", "pids", multiple=True, type=Pid(), metavar="PID",
                 help="One process. Repeatable."),
    click.option("--cgroup", "cgroups", multiple=True, metavar="PATH",
                 help="Processes of a memory cgroup and those below it. Repeatable."),
    click.option("--exe", "exes", multiple=True, metavar="GLOB",
                 help="Path of the executable. Repeatable."),
    click.option("--go-main", "go_mains", multiple=True, metavar="GLOB",
                 help="Main package of a Go program, by build info. Repeatable."),
    click.option("--children", is_flag=True,
                 help="Also watch all descendants, by any name."),
    click.option("--mapping-calls", is_flag=True,
                 help="Count mmap, munmap, brk and mremap separately; the output "
                      "states its cost."),
    click.option("--delays", is_flag=True,
                 help="Time each process lost waiting for memory, from the kernel's delay "
                      "accounting; needs sysctl kernel.task_delayacct=1."),
)  # fmt: skip
INTERVAL: Decorator = click.option(
    "--interval", type=Duration(), default="1s", show_default=True,
    help="Time between two snapshots.",
)  # fmt: skip
_ACTING: tuple[Decorator, ...] = (
    click.option("--growth", metavar="SIZE/TIME",
                 help="Act when a job grows this much within this time: 256MiB/60s."),
    click.option("--level", metavar="SHARE|SIZE",
                 help="Act when a job uses this share of its limit (85%) or size."),
    click.option("--fuse", metavar="SHARE|SIZE",
                 help="Stop a process in the kernel when it grows past this, save "
                      "evidence, then kill it."),
    click.option("--on-breach", metavar="LINE",
                 help="Shell command to run on a breach, once the evidence is read; without "
                      "a bound, on a critical finding, as for a leak near the limit."),
    click.option("--backstop", metavar="SHARE",
                 help="With --on-breach alone, stop a process in the kernel at this share of "
                      "the limit to save evidence, once more to run the command.  [95%]"),
    click.option("--no-backstop", is_flag=True, help="Stop no process in the kernel."),
    click.option("--grace", metavar="TIME",
                 help="Spare younger processes, unless the limit comes first.  "
                      "[10s; 0s with --growth or --level]"),
    click.option("--config", type=click.Path(path_type=Path), metavar="FILE",
                 help="Policy file, which may have these options as well; SIGHUP reloads its "
                      "policies.  [$XDG_CONFIG_HOME, then /etc, ebpftrace/policy.toml]"),
    click.option("--no-config", is_flag=True,
                 help="Do not look for a policy file in those places."),
    click.option("--audit",
                 type=click.Path(path_type=Path, dir_okay=False, readable=False),
                 default=DEFAULT_FILE, show_default=True, metavar="FILE",
                 help="Log of the breaker's decisions and actions."),
    HISTORY_FILE,
    click.option("--no-history", is_flag=True,
                 help="Neither compare jobs with their past runs nor record any."),
    click.option("--dry-run", is_flag=True,
                 help="Report what would be done, and do nothing."),
    click.option("--max-memory", type=Memory(), default=None, metavar="SIZE",
                 envvar="EBPFTRACE_MAX_MEMORY", show_envvar=True,
                 help="Resident memory that the watch itself may take, which bounds how many "
                      "processes it watches at a time; at least 72MiB.  [a quarter of the "
                      "machine's, at least 1344MiB]"),
)  # fmt: skip


def selecting(command: Any) -> Any:
    """Decorate a command with the options that say what is watched."""
    return _decorated(command, _SELECTION)


def acting(command: Any) -> Any:
    """Decorate a command with the options of policies, logs and memory."""
    return _decorated(command, _ACTING)


def _decorated(command: Any, options: tuple[Decorator, ...]) -> Any:
    for option in reversed(options):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class SharedOptions:
    """The values of all of them, as click passes them."""

    comms: tuple[str, ...]
    pids: tuple[int, ...]
    cgroups: tuple[str, ...]
    exes: tuple[str, ...]
    go_mains: tuple[str, ...]
    children: bool
    mapping_calls: bool
    delays: bool
    interval: int
    growth: str | None
    level: str | None
    fuse: str | None
    on_breach: str | None
    backstop: str | None
    no_backstop: bool
    grace: str | None
    config: Path | None
    no_config: bool
    audit: Path
    history_file: Path
    no_history: bool
    dry_run: bool
    max_memory: int | None

    def request(self) -> WatchRequest:
        """What the engine is asked for.

        UsageError for options that exclude each other, PolicyError for a wrong policy.
        """
        policies = self._policies()
        comms = self.comms
        if not (comms or self.pids or self.cgroups or self.exes or self.go_mains):
            comms = _comms(policies)
        _refuse_empty(
            ("--cgroup", self.cgroups), ("--exe", self.exes), ("--go-main", self.go_mains)
        )
        compile_globs(comms)  # report a wrong pattern before anything else
        selection = Selection(
            comms, self.pids, self.cgroups, self.exes, self.go_mains, self.children
        )
        return WatchRequest(
            selection=selection,
            interval_ns=self.interval,
            mapping_calls=self.mapping_calls,
            delays=self.delays,
            max_memory_bytes=self.max_memory,
            policies=policies,
            audit=self.audit,
            history=None if self.no_history else self.history_file,
            insists=self.config is not None or self._of_a_policy.make_a_policy,
        )

    @property
    def _of_a_policy(self) -> PolicyOptions:
        return PolicyOptions(
            self.growth, self.level, self.on_breach, self.fuse, self.backstop,
            self.no_backstop, self.grace,
        )  # fmt: skip

    def _policies(self) -> PolicyStore | None:
        """The policies of the command line, else of a file; None if there are none."""
        from_options = _policy_from(self._of_a_policy)
        if from_options is not None and self.config is not None:
            raise UsageError(
                "--config excludes --growth, --level, --fuse and --on-breach",
                why="these options are a policy of their own, which would apply to every "
                "process",
                fix="put them into the file; see docs/policy.md",
            )
        if self.config is not None and self.no_config:
            raise UsageError("--config and --no-config exclude each other", fix="leave one out")
        if from_options is not None:
            return PolicyStore(None, (from_options,), dry_run=self.dry_run)
        file = self.config or (None if self.no_config else default_file(os.environ))
        if file is not None:
            return PolicyStore(file, dry_run=self.dry_run)
        if self.dry_run:
            raise UsageError(
                "--dry-run needs a policy",
                why="there is no policy: neither an option nor a file defines one",
                fix="add --config FILE, or --growth, --level, --fuse or --on-breach",
            )
        return None


def _refuse_empty(*options: tuple[str, tuple[str, ...]]) -> None:
    """Refuse an empty value: an unset variable must not select everything."""
    for option, values in options:
        if "" in values:
            raise UsageError(f"{option} is empty", fix="see: ebpftrace watch --help")


def _policy_from(options: PolicyOptions) -> "Policy | None":
    """The actions and all that belongs to policies are imported where there are any."""
    if not options.given:
        return None
    from ebpftrace.act.policy.command_line import policy_from_options

    return policy_from_options(options)


def _comms(policies: PolicyStore | None) -> tuple[str, ...]:
    """The names to watch where no selector was given."""
    if policies is None:
        return _DEFAULT_COMMS
    from ebpftrace.act.policy.matching import comms_to_watch

    return comms_to_watch(policies.policies, default=_DEFAULT_COMMS)
