"""`ebpftrace policy`: check and explain a policy file, and print its schema."""

import json
import os
import time
from pathlib import Path

import click

from ebpftrace.act.policy.describe import in_words
from ebpftrace.act.policy.file import PolicyFileError, read_policies
from ebpftrace.act.policy.matching import PolicyMatch, explain
from ebpftrace.act.policy.policy import Policy
from ebpftrace.act.policy.reach import unmatched_in_file
from ebpftrace.act.policy.schema import schema
from ebpftrace.act.policy.store import SYSTEM_FILE, default_file
from ebpftrace.act.process.identity import RefusedError, identify, in_own_ancestry
from ebpftrace.cli.parameters import Pid
from ebpftrace.cli.settings import read_settings, settings_schema
from ebpftrace.errors import GoneError, NotPermittedError, UsageError
from ebpftrace.events import ProcessKey
from ebpftrace.host.cgroups import CgroupPaths, memory_cgroup
from ebpftrace.host.mounts import memory_hierarchy
from ebpftrace.host.proc import Stat, read_cmdline, read_program, read_stat
from ebpftrace.jobs import JobResolver
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.process_names import executed_name
from ebpftrace.text import clean, wrap
from ebpftrace.units import format_duration

_FILE = click.argument(
    "file", required=False, type=click.Path(path_type=Path, readable=False), metavar="[FILE]"
)


@click.group(
    epilog="""
    \b
    Examples:
      ebpftrace policy check policy.toml
      sudo ebpftrace policy explain policy.toml --pid "$(pgrep -n gopls)"
      ebpftrace policy schema >ebpftrace-policy.json

    Without FILE: $XDG_CONFIG_HOME/ebpftrace/policy.toml, else
    /etc/ebpftrace/policy.toml. docs/policy.md has every key.
    """
)
def policy() -> None:
    """Check and explain policies of the circuit breaker."""


@policy.command()
@_FILE
def check(file: Path | None) -> None:
    """Read a policy file and report all its mistakes."""
    file = file or _default()
    try:
        policies = _read(file)
        for command in _configured():
            read_settings(file, command, obeyed=os.geteuid() == 0)
    except PolicyFileError as error:
        for mistake in error.mistakes:
            place = f"{error.file}:{mistake.line}: " if mistake.line else f"{error.file}: "
            click.echo(_fill(place + str(mistake), "  "), err=True)
        raise click.exceptions.Exit(error.exit_code) from error
    for warning in unmatched_in_file(policies):
        click.echo(_fill(f"{_name(file)}: warning: {warning}", "  "), err=True)
    names = ", ".join(each.name for each in policies)
    count = f"{_count(policies)}: {names}" if policies else "no policy"
    click.echo(_fill(f"{_name(file)}: {count}", "  "))


@policy.command("explain")
@_FILE
@click.option("--pid", "pids", multiple=True, type=Pid(), metavar="PID",
              help="Show which policy applies to this process. Repeatable.")  # fmt: skip
def explain_command(file: Path | None, pids: tuple[int, ...]) -> None:
    """Describe a policy file, or show which policy applies to a process, and why.

    Without --pid: every policy in words. With it: the policy that applies to the process,
    and why the others do not.
    """
    policies = _read(file or _default())
    if not pids:
        _describe_all(policies)
        return
    paths = CgroupPaths(memory_hierarchy())
    try:
        for pid in pids:
            stat, job = _live(pid, paths)
            name = _executed_name(pid, stat)
            answers = explain(policies, stat.comm, job, name)
            executed = "" if name == stat.comm else f", executed as {name},"
            _explain_process(f"{stat.comm} {pid}{executed}", job, answers)
            if applied := next((answer.policy for answer in answers if answer.applies), None):
                _explain_exemptions(stat, applied)
    finally:
        paths.close()


@policy.command("schema")
def schema_command() -> None:
    """Print the JSON schema of policy files, for editors."""
    tables = {str(command.name): settings_schema(command) for command in _configured()}
    click.echo(json.dumps(schema(options=tables), indent=2, ensure_ascii=False))


def _configured() -> tuple[click.Command, ...]:
    """The commands whose options may be in the file."""
    from ebpftrace.cli.serve import serve
    from ebpftrace.cli.watch import watch

    return watch, serve


def _read(file: Path) -> tuple[Policy, ...]:
    """As a watch of this user reads it: root's refuses a file that others could change."""
    return read_policies(file, obeyed=os.geteuid() == 0)


def _executed_name(pid: int, stat: Stat) -> str:
    """The name that it was executed under; its own where this may not be read."""
    try:
        return executed_name(stat.comm, read_program(pid) or "", read_cmdline(pid) or ())
    except NotPermittedError:
        return stat.comm


def _describe_all(policies: tuple[Policy, ...]) -> None:
    for number, each in enumerate(policies, 1):
        click.echo(f"{number}. {each.name}")
        for label, text in in_words(each):
            click.echo(_fill(f"   {label:<6} {text}", " " * 10))
    click.echo("\nThe first policy that matches a process applies to it.")


def _explain_process(process: str, job: JobIdentity, answers: tuple[PolicyMatch, ...]) -> None:
    click.echo(_fill(f"{process} is in the {job.kind} job {job.name}", "  "))
    click.echo(_fill(f"  by      {job.identified_by}", " " * 10))
    click.echo(_fill(f"  cgroup  {job.cgroup}", " " * 10))
    for answer in answers:
        if answer.applies:
            mark, why = "applies ", ""
        elif answer.earlier:
            mark, why = "too late", f"it matches, but {answer.earlier} comes first"
        else:
            mark, why = "no match", "; ".join(answer.reasons)
        text = f"  {mark}  {answer.policy.name}{': ' if why else ''}{why}"
        click.echo(_fill(text, " " * 12))
    if not any(answer.applies for answer in answers):
        click.echo("  No policy applies: it is watched and judged, and never acted on.")


def _explain_exemptions(stat: Stat, policy: Policy) -> None:
    """Whether it would be acted on now: its age, and whether it is never signalled."""
    age_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - stat.start_boottime_ns
    grace = format_duration(policy.grace_ns)
    if age_ns < policy.grace_ns:
        left = format_duration(policy.grace_ns - age_ns)
        text = (
            f"  It is exempt for another {left} (grace {grace}), unless its limit comes first."
        )
        click.echo(_fill(text, "  "))
    elif policy.grace_ns:
        click.echo(_fill(f"  It is older than the grace period of {grace}.", "  "))
    try:
        identify(ProcessKey(stat.pid, stat.start_boottime_ns))
    except RefusedError as error:
        text = f"  No policy ever signals it: {error.what}."
        if in_own_ancestry(stat.pid) and stat.pid > 1:
            text = "  Its descendants, such as this ebpftrace, never signal it."
        click.echo(_fill(text, "  "))


def _live(pid: int, paths: CgroupPaths) -> tuple[Stat, JobIdentity]:
    """A running process and its job. GoneError if there is none."""
    stat, path = read_stat(pid), memory_cgroup(pid)
    if stat is None or path is None:
        raise GoneError(
            f"there is no process {pid}",
            why="it has ended, or it is in another pid namespace",
            fix="look for it with: ps -e | grep gopls",
        )
    job = JobResolver(paths).resolve(pid, paths.id(path) or 0, stat.parent_pid)
    return stat, job


def _default() -> Path:
    file = default_file(os.environ)
    if file is None:
        raise UsageError(
            "there is no policy file in the default locations",
            why=f"neither $XDG_CONFIG_HOME/ebpftrace/policy.toml nor {SYSTEM_FILE} exists",
            fix="name one: ebpftrace policy check FILE",
        )
    return file


def _count(policies: tuple[Policy, ...]) -> str:
    return "1 policy" if len(policies) == 1 else f"{len(policies)} policies"


def _name(file: Path) -> str:
    return clean(os.fsencode(file))


def _fill(text: str, indent: str) -> str:
    return "\n".join(wrap(text, following=indent))
