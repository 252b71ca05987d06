"""What is prepared around a command: its cgroup, environment, folder and watch."""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ebpftrace.errors import EbpftraceError
from ebpftrace.run.cgroup import CommandCgroup, NoCgroupError, make_cgroup
from ebpftrace.run.tree import ProcessTree
from ebpftrace.run.user import RunUser
from ebpftrace.run.watching import WatchBeside
from ebpftrace.text import clean
from ebpftrace.units import MIB

_FIRST_SECONDS = 300.0
"""The longest that a required watch may take to begin."""

_QUICK_SECONDS = 3.0
_GO_SHARE = 0.9
"""Of the limit: what GOMEMLIMIT leaves to stacks, to C and to other processes."""


class RunOptions(NamedTuple):
    """What is asked for. `watch_options` are those of `ebpftrace watch` that act."""

    memory_bytes: int | None = None
    timeout_ns: int | None = None
    watch_options: tuple[str, ...] = ()
    gomemlimit: bool = True
    tmpdir: bool = True
    require: bool = False
    restarts: int = 0
    user: RunUser | None = None


@dataclass(slots=True)
class Around:
    """What there is around the command, and what has to be said of it."""

    notes: list[str] = field(default_factory=list)
    cgroup: CommandCgroup | None = None
    watch: WatchBeside | None = None
    tree: ProcessTree | None = None
    tmpdir: Path | None = None


def prepare_cgroup(around: Around, options: RunOptions) -> None:
    try:
        around.cgroup = _cgroup()
    except NoCgroupError as error:
        go_without_cgroup(around, options, str(error))
        return
    try:
        if options.memory_bytes is not None:
            around.cgroup.limit(options.memory_bytes)
    except OSError as error:
        why = error.strerror or str(error)
        if options.require:
            around.cgroup.remove()
            raise EbpftraceError(
                "the command's memory cannot be limited", why=f"its cgroup says: {why}",
                fix="without --require it runs all the same",
            ) from error  # fmt: skip
        around.notes.append(f"--memory has no effect: its cgroup says: {why}")


def _cgroup() -> CommandCgroup:
    try:
        return make_cgroup()
    except NoCgroupError:
        from ebpftrace.run.scope import enter_scope

        if not enter_scope():
            raise
        return make_cgroup()


def go_without_cgroup(around: Around, options: RunOptions, why: str) -> None:
    """Say that there is none. EbpftraceError with `require`."""
    if options.require:
        raise EbpftraceError(
            "the command has no memory cgroup of its own", why=why,
            fix="run it as root, or in a delegated cgroup; without --require it runs all the "
            "same",
        )  # fmt: skip
    lost = [] if options.memory_bytes is None else ["--memory"]
    lost += options.watch_options[::2]
    has = "has" if len(lost) == 1 else "have"
    without = f", and {' and '.join(lost)} {has} no effect" if lost else ""
    around.notes.append(f"no memory cgroup of its own: {clean(why)}{without}")


def limit_go(
    environment: dict[str, str], limit: int | None, options: RunOptions, notes: list[str]
) -> None:
    if not options.gomemlimit or limit is None or "GOMEMLIMIT" in environment:
        return
    share = int(limit * _GO_SHARE) // MIB
    environment["GOMEMLIMIT"] = f"{share}MiB"
    notes.append(f"GOMEMLIMIT={share}MiB was set for Go programs (--no-gomemlimit)")


@contextlib.contextmanager
def temporary_folder(around: Around, options: RunOptions) -> Iterator[Path]:
    folder = around.tmpdir = Path(tempfile.mkdtemp(prefix="ebpftrace-run-"))
    try:
        if options.user is not None:
            os.chown(folder, options.user.uid, options.user.gid)
        yield folder
    finally:
        if around.cgroup is None or not around.cgroup.folder.exists():
            shutil.rmtree(folder, ignore_errors=True)  # follows no symlink


def begin_watch(around: Around, options: RunOptions, stack: contextlib.ExitStack) -> None:
    if around.cgroup is None:
        around.notes.append(
            "not watched by BPF: that needs a memory cgroup; /proc was read four times a second"
        )
        return
    watched = ["--cgroup", around.cgroup.path, "--comm", "*", "--no-config", "--no-history"]
    if options.watch_options:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ebpftrace-audit-"))
        watched += [*options.watch_options, "--audit", f"{folder}/audit.jsonl"]
    around.watch = WatchBeside(watched)
    if options.require:
        around.watch.begin()
        if not around.watch.started.wait(_QUICK_SECONDS):
            print("ebpftrace: its kernel programs are compiled, once", file=sys.stderr)
            around.watch.started.wait(_FIRST_SECONDS)
        if around.watch.exit_code is not None or not around.watch.points:
            around.watch.end()
            around.cgroup.remove()
            raise EbpftraceError(
                "the command cannot be watched", why=around.watch.trouble,
                fix="without --require it runs all the same",
            )  # fmt: skip
