"""One command from before its start until after its end."""

import contextlib
import os
import resource
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ebpftrace.errors import EbpftraceError
from ebpftrace.host import proc
from ebpftrace.run.cgroup import CommandCgroup, NoCgroupError, make_cgroup
from ebpftrace.run.command import Command, CommandEnd
from ebpftrace.run.result import RunResult, watched_jobs
from ebpftrace.run.watching import WatchBeside
from ebpftrace.text import clean
from ebpftrace.units import KIB, MIB, format_bytes

_FIRST_SECONDS = 60.0
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


@dataclass(slots=True)
class _Around:
    """What there is around the command, and what has to be said of it."""

    notes: list[str] = field(default_factory=list)
    cgroup: CommandCgroup | None = None
    watch: WatchBeside | None = None
    tmpdir: Path | None = None


def run(command: Sequence[str], options: RunOptions) -> RunResult:
    """Run it to its end. EbpftraceError only with `require`, before it is started."""
    around = _Around()
    with contextlib.ExitStack() as stack:
        _make_cgroup(around, options)
        environment = dict(os.environ)
        limit = None if around.cgroup is None else around.cgroup.effective_limit_bytes()
        _limit_go(environment, limit, options, around.notes)
        if options.tmpdir:
            environment["TMPDIR"] = str(stack.enter_context(_tmpdir(around)))
        _begin_watch(around, options, stack)
        end, restarts = _repeated(command, environment, around, options)
        if around.watch is not None:
            around.watch.end()
        result = _result(command, end, limit, around)._replace(restarts=restarts)
        _leave(around)
        return result._replace(notes=tuple(around.notes))


def _make_cgroup(around: _Around, options: RunOptions) -> None:
    try:
        around.cgroup = make_cgroup()
        if options.memory_bytes is not None:
            around.cgroup.limit(options.memory_bytes)
        return
    except NoCgroupError as error:
        why = str(error)
    except OSError as error:
        why = error.strerror or str(error)
    if options.require:
        raise EbpftraceError(
            "the command has no memory cgroup of its own", why=why,
            fix="run it as root, or in a delegated cgroup; without --require it runs all the "
            "same",
        )  # fmt: skip
    unlimited = ", and --memory has no effect" if options.memory_bytes is not None else ""
    around.notes.append(f"no memory cgroup of its own: {clean(why)}{unlimited}")


def _limit_go(
    environment: dict[str, str], limit: int | None, options: RunOptions, notes: list[str]
) -> None:
    if not options.gomemlimit or limit is None or "GOMEMLIMIT" in environment:
        return
    share = int(limit * _GO_SHARE) // MIB
    environment["GOMEMLIMIT"] = f"{share}MiB"
    notes.append(f"GOMEMLIMIT={share}MiB was set for Go programs (--no-gomemlimit)")


@contextlib.contextmanager
def _tmpdir(around: _Around) -> Iterator[Path]:
    folder = around.tmpdir = Path(tempfile.mkdtemp(prefix="ebpftrace-run-"))
    try:
        yield folder
    finally:
        if around.cgroup is None or not around.cgroup.folder.exists():
            shutil.rmtree(folder, ignore_errors=True)  # follows no symlink


def _begin_watch(around: _Around, options: RunOptions, stack: contextlib.ExitStack) -> None:
    if around.cgroup is None:
        around.notes.append("not watched: that needs a memory cgroup")
        return
    watched = ["--cgroup", around.cgroup.path, "--comm", "*", "--no-config", "--no-history"]
    if options.watch_options:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ebpftrace-audit-"))
        watched += [*options.watch_options, "--audit", f"{folder}/audit.jsonl"]
    around.watch = WatchBeside(watched)
    if options.require:
        around.watch.begin()
        around.watch.started.wait(_FIRST_SECONDS)
        if around.watch.exit_code is not None or not around.watch.points:
            around.watch.end()
            around.cgroup.remove()
            raise EbpftraceError(
                "the command cannot be watched", why=around.watch.trouble,
                fix="without --require it runs all the same",
            )  # fmt: skip


def _repeated(
    command: Sequence[str], environment: dict[str, str], around: _Around, options: RunOptions
) -> tuple[CommandEnd, int]:
    """Start it, and again after each breach that an action answered, as often as allowed."""
    enter = None if around.cgroup is None else around.cgroup.procs
    # Ours are blocked from the first start on, those of the command are as we were started.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    restarts = 0
    while True:
        acted = _actions(around)
        started = Command(command, environment, enter, blocked)
        if around.watch is not None and not options.require and restarts == 0:
            around.watch.begin()
        end = started.wait(options.timeout_ns, lambda: _kill_all(around.cgroup))
        again = end.signal and not end.timed_out and _actions(around) > acted
        if not again or restarts >= options.restarts:
            return end, restarts
        restarts += 1


def _actions(around: _Around) -> int:
    events = [] if around.watch is None else around.watch.events
    return sum(one["type"] == "step" and one["status"] == "done" for one in events)


def _kill_all(cgroup: CommandCgroup | None) -> None:
    for pid in [] if cgroup is None else cgroup.pids():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _result(
    command: Sequence[str], end: CommandEnd, limit: int | None, around: _Around
) -> RunResult:
    cgroup, watch = around.cgroup, around.watch
    result = RunResult(
        tuple(command), end, limit,
        oom_kills=0 if cgroup is None else cgroup.oom_kills or 0,
    )  # fmt: skip
    jobs = [] if watch is None else watched_jobs(watch)
    if watch is not None and watch.last is not None and any(job["peak_bytes"] for job in jobs):
        largest = max(jobs, key=lambda job: job["peak_bytes"])
        return result._replace(
            peak_bytes=largest["peak_bytes"],
            peak_of="Its processes held",
            holder=largest["peak_holder"],
            growth_bytes=sum(max(0, job["peak_growth_bytes"]) for job in jobs),
            watched=True,
            events=tuple(watch.events),
            points=tuple(watch.points),
        )
    if watch is not None and watch.was_late:
        around.notes.append("not watched: it ended before the watch had begun")
    elif watch is not None and watch.exit_code:
        around.notes.append(f"not watched: {watch.trouble or 'the watch failed'}")
    if cgroup is not None and (peak := cgroup.peak_bytes) is not None:
        return result._replace(peak_bytes=peak, peak_of="Its cgroup took, page cache included,")
    largest_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return result._replace(peak_bytes=largest_kib * KIB, peak_of="Its largest process held")


def _leave(around: _Around) -> None:
    """Remove the cgroup, or say what is still in it."""
    if around.cgroup is None or around.cgroup.remove():
        return
    pids = around.cgroup.pids()
    names = ", ".join(f"{proc.read_comm(pid) or '?'} {pid}" for pid in pids[:3])
    kept = "" if around.tmpdir is None else f"; {around.tmpdir} stays as well"
    what = "a process is" if len(pids) == 1 else f"{len(pids)} processes are"
    around.notes.append(
        f"{what} left ({names}), with {format_bytes(around.cgroup.peak_bytes or 0)} at most in "
        f"the cgroup {around.cgroup.path}{kept}"
    )
