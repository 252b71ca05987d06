"""`ebpftrace watch`: the memory of jobs and processes, live."""

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ebpftrace.act.audit.place import DEFAULT_FILE
from ebpftrace.act.policy.options import PolicyOptions
from ebpftrace.act.policy.store import PolicyStore, default_file
from ebpftrace.cli.outputs import NAMES, OutputTarget, OutputType, openers
from ebpftrace.cli.parameters import HISTORY_FILE, Duration, Memory, Pid, Size
from ebpftrace.engine import WatchRequest
from ebpftrace.engine import watch as run
from ebpftrace.engine.waiting.waiter import Waiter
from ebpftrace.errors import UsageError
from ebpftrace.probe.globs import compile_globs
from ebpftrace.probe.selection import Selection
from ebpftrace.views import View
from ebpftrace.views.factory import open_screenshot

if TYPE_CHECKING:
    from ebpftrace.act.policy.policy import Policy

_DEFAULT_COMMS = ("gopls",)


@click.command(
    epilog="""
    \b
    Examples:
      sudo ebpftrace watch                         gopls, everywhere
      sudo ebpftrace watch --comm 'go*' --children
      sudo ebpftrace watch --go-main 'golang.org/x/tools/*'
      sudo ebpftrace watch --cgroup /ci --comm '*' --output jsonl >memory.jsonl
      sudo ebpftrace watch --once --output jsonl | head -1
      sudo ebpftrace watch --output table --output jsonl:memory.jsonl
      sudo ebpftrace watch --on-breach 'kill -TERM $EBPFTRACE_PID'
      sudo ebpftrace watch --growth 256MiB/60s --on-breach 'pkill -x gopls'
      sudo ebpftrace watch --fuse 90%

    On a terminal, q quits. A process is watched if it matches one selector of each
    kind that is given.
    """
)
@click.option("--comm", "comms", multiple=True, metavar="GLOB",
              help="Process name, as ps -o comm has it. Repeatable.  [gopls]")  # fmt: skip
@click.option("--pid", "pids", multiple=True, type=Pid(), metavar="PID",
              help="One process. Repeatable.")  # fmt: skip
@click.option("--cgroup", "cgroups", multiple=True, metavar="PATH",
              help="Processes of a memory cgroup and those below it. Repeatable.")  # fmt: skip
@click.option("--exe", "exes", multiple=True, metavar="GLOB",
              help="Path of the executable. Repeatable.")  # fmt: skip
@click.option("--go-main", "go_mains", multiple=True, metavar="GLOB",
              help="Main package of a Go program, by build info. Repeatable.")  # fmt: skip
@click.option("--children", is_flag=True,
              help="Also watch all descendants, by any name.")  # fmt: skip
@click.option("--mapping-calls", is_flag=True,
              help="Count mmap, munmap, brk and mremap separately; the output "
                   "states its cost.")  # fmt: skip
@click.option("--delays", is_flag=True,
              help="Time each process lost waiting for memory, from the kernel's delay "
                   "accounting; needs sysctl kernel.task_delayacct=1.")  # fmt: skip
@click.option("--output", "outputs", type=OutputType(), multiple=True,
              metavar=f"[{'|'.join(NAMES)}][:FILE]",
              help="Output format, written to FILE if given. Repeatable.  [table on a "
                   "terminal, plain in a pipe]")  # fmt: skip
@click.option("--changes", is_flag=True,
              help="In JSON Lines list only the jobs that changed, and all of them first "
                   "and once a minute.")  # fmt: skip
@click.option("--interval", type=Duration(), default="1s", show_default=True,
              help="Time between two snapshots.")  # fmt: skip
@click.option("--duration", type=Duration(), default=None,
              help="End after this time.")  # fmt: skip
@click.option("--growth", metavar="SIZE/TIME",
              help="Act when a job grows this much within this time: 256MiB/60s.")  # fmt: skip
@click.option("--level", metavar="SHARE|SIZE",
              help="Act when a job uses this share of its limit (85%) or size.")  # fmt: skip
@click.option("--fuse", metavar="SHARE|SIZE",
              help="Stop a process in the kernel when it grows past this, save "
                   "evidence, then kill it.")  # fmt: skip
@click.option("--on-breach", metavar="LINE",
              help="Shell command to run on a breach, once the evidence is saved; without a "
                   "bound, on a critical finding, as for a leak near the limit.")  # fmt: skip
@click.option("--backstop", metavar="SHARE",
              help="With --on-breach alone, stop a process in the kernel at this share of the "
                   "limit to save evidence, once more to run the command.  [95%]")  # fmt: skip
@click.option("--no-backstop", is_flag=True, help="Stop no process in the kernel.")
@click.option("--grace", metavar="TIME",
              help="Spare younger processes, unless the limit comes first.  "
                   "[10s; 0s with --growth or --level]")  # fmt: skip
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE",
              help="Policy file; SIGHUP reloads it.  "
              "[$XDG_CONFIG_HOME, then /etc, ebpftrace/policy.toml]")  # fmt: skip
@click.option("--no-config", is_flag=True,
              help="Do not look for a policy file in those places.")  # fmt: skip
@click.option("--audit", type=click.Path(path_type=Path, dir_okay=False, readable=False),
              default=DEFAULT_FILE, show_default=True, metavar="FILE",
              help="Log of the breaker's decisions and actions.")  # fmt: skip
@HISTORY_FILE
@click.option("--no-history", is_flag=True,
              help="Neither compare jobs with their past runs nor record any.")  # fmt: skip
@click.option("--dry-run", is_flag=True,
              help="Report what would be done, and do nothing.")  # fmt: skip
@click.option("--max-memory", type=Memory(), default=None, metavar="SIZE",
              envvar="EBPFTRACE_MAX_MEMORY", show_envvar=True,
              help="Resident memory that the watch itself may take, which bounds how many "
                   "processes it watches at a time; at least 72MiB.  [a quarter of the "
                   "machine's, at least 1GiB]")  # fmt: skip
@click.option("--once", is_flag=True, help="Take one snapshot, then end.")
@click.option("--screenshot", type=click.Path(dir_okay=False, path_type=Path), default=None,
              metavar="FILE.svg",
              help="Write the dashboard's last frame to a file, without a terminal: "
              "after one snapshot, or after --duration.")  # fmt: skip
@click.option("--size", type=Size(), default="120x36", show_default=True,
              help="Columns and lines of the screenshot.")  # fmt: skip
def watch(
    comms: tuple[str, ...],
    pids: tuple[int, ...],
    cgroups: tuple[str, ...],
    exes: tuple[str, ...],
    go_mains: tuple[str, ...],
    children: bool,
    mapping_calls: bool,
    delays: bool,
    outputs: tuple[OutputTarget, ...],
    changes: bool,
    interval: int,
    duration: int | None,
    max_memory: int | None,
    once: bool,
    screenshot: Path | None,
    size: tuple[int, int],
    growth: str | None,
    level: str | None,
    fuse: str | None,
    on_breach: str | None,
    backstop: str | None,
    no_backstop: bool,
    grace: str | None,
    config: Path | None,
    no_config: bool,
    audit: Path,
    history_file: Path,
    no_history: bool,
    dry_run: bool,
) -> None:
    """Watch the memory of processes, by CI job."""
    options = PolicyOptions(growth, level, on_breach, fuse, backstop, no_backstop, grace)
    policies = _policies(options, config, no_config, dry_run)
    if not (comms or pids or cgroups or exes or go_mains):
        comms = _comms(policies)
    _refuse_empty(("--cgroup", cgroups), ("--exe", exes), ("--go-main", go_mains))
    compile_globs(comms)  # report a wrong pattern before anything else
    if screenshot is not None:  # it takes the place of standard output
        outputs = tuple(target for target in outputs if target.file is not None)
    wanted = bool(outputs or changes or screenshot is None)
    views = openers(outputs, live=not once, changes=changes) if wanted else []
    request = WatchRequest(
        selection=Selection(comms, pids, cgroups, exes, go_mains, children),
        interval_ns=interval,
        duration_ns=duration,
        once=once or (screenshot is not None and duration is None),
        mapping_calls=mapping_calls,
        delays=delays,
        max_memory_bytes=max_memory,
        policies=policies,
        audit=audit,
        history=None if no_history else history_file,
        insists=config is not None or options.make_a_policy,
    )
    if screenshot is not None:
        views.insert(0, partial(_open_screenshot, screenshot, size))
    run(request, views)


def _open_screenshot(file: Path, size: tuple[int, int], _waiter: Waiter) -> View:
    return open_screenshot(file, *size)


def _refuse_empty(*options: tuple[str, tuple[str, ...]]) -> None:
    """Refuse an empty value: an unset variable must not select everything."""
    for option, values in options:
        if "" in values:
            raise UsageError(f"{option} is empty", fix="see: ebpftrace watch --help")


def _policies(
    options: PolicyOptions, config: Path | None, no_config: bool, dry_run: bool
) -> PolicyStore | None:
    """The policies of the command line, else of a file; None if there are none."""
    from_options = _policy_from(options)
    if from_options is not None and config is not None:
        raise UsageError(
            "--config excludes --growth, --level, --fuse and --on-breach",
            why="these options are a policy of their own, which would apply to every process",
            fix="put them into the file; see docs/policy.md",
        )
    if config is not None and no_config:
        raise UsageError("--config and --no-config exclude each other", fix="leave one out")
    if from_options is not None:
        return PolicyStore(None, (from_options,), dry_run=dry_run)
    file = config or (None if no_config else default_file(os.environ))
    if file is not None:
        return PolicyStore(file, dry_run=dry_run)
    if dry_run:
        raise UsageError(
            "--dry-run needs a policy",
            why="there is no policy: neither an option nor a file defines one",
            fix="add --config FILE, or --growth, --level, --fuse or --on-breach",
        )
    return None


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
