"""One command from before its start until after its end."""

import contextlib
import os
import resource
import signal
from collections.abc import Collection, Sequence

from ebpftrace.host import proc
from ebpftrace.run.around import (
    Around,
    RunOptions,
    begin_watch,
    go_without_cgroup,
    limit_go,
    prepare_cgroup,
    temporary_folder,
)
from ebpftrace.run.command import Command, CommandEnd
from ebpftrace.run.result import RunResult, watched_jobs
from ebpftrace.run.tree import ProcessTree
from ebpftrace.units import KIB, NS_PER_SECOND, format_bytes

_START_NS = NS_PER_SECOND
"""A watch with kept programs has begun within this time."""


def run(command: Sequence[str], options: RunOptions) -> RunResult:
    """Run it to its end. EbpftraceError only with `require`, before it is started."""
    around = Around()
    with contextlib.ExitStack() as stack:
        prepare_cgroup(around, options)
        environment = dict(os.environ)
        if options.user is not None:
            environment |= options.user.environment
        limit = None if around.cgroup is None else around.cgroup.effective_limit_bytes()
        limit_go(environment, limit, options, around.notes)
        if options.tmpdir:
            environment["TMPDIR"] = str(stack.enter_context(temporary_folder(around, options)))
        begin_watch(around, options, stack)
        end, restarts = _repeated(command, environment, around, options)
        if around.watch is not None:
            around.watch.end()
        result = _result(command, end, limit, around)._replace(restarts=restarts)
        _leave(around)
        return result._replace(notes=tuple(around.notes))


def _repeated(
    command: Sequence[str], environment: dict[str, str], around: Around, options: RunOptions
) -> tuple[CommandEnd, int]:
    """Start it, and again after each breach that an action answered, as often as allowed."""
    # Ours are blocked from the first start on, those of the command are as we were started.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    restarts = 0
    while True:
        acted = _actions(around)
        started = _started(command, environment, around, options, blocked)
        if around.watch is not None and not options.require and restarts == 0:
            around.watch.begin()
        look = None if around.tree is None else around.tree.look
        end = started.wait(options.timeout_ns, lambda: _kill_all(around), look)
        again = end.signal and not end.timed_out and _actions(around) > acted
        if not again or restarts >= options.restarts:
            return end, restarts
        restarts += 1


def _started(
    command: Sequence[str],
    environment: dict[str, str],
    around: Around,
    options: RunOptions,
    blocked: Collection[int],
) -> Command:
    """In its cgroup, or without one where that refuses it."""
    if around.cgroup is not None:
        try:
            return Command(command, environment, around.cgroup.procs, blocked, options.user)
        except OSError as error:
            if around.watch is not None:
                around.watch.end()
            around.cgroup.remove()
            around.watch = around.cgroup = None
            why = f"it cannot be entered: {error.strerror}"
        go_without_cgroup(around, options, why)
    started = Command(command, environment, None, blocked, options.user)
    around.tree = ProcessTree(started.pid)
    return started


def _actions(around: Around) -> int:
    events = [] if around.watch is None else around.watch.events
    return sum(one["type"] == "step" and one["status"] == "done" for one in events)


def _kill_all(around: Around) -> None:
    if around.tree is not None:
        around.tree.kill()
    for pid in [] if around.cgroup is None else around.cgroup.pids():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _result(
    command: Sequence[str], end: CommandEnd, limit: int | None, around: Around
) -> RunResult:
    cgroup, watch = around.cgroup, around.watch
    result = RunResult(
        tuple(command), end, limit,
        oom_kills=0 if cgroup is None else cgroup.oom_kills or 0,
    )  # fmt: skip
    jobs = [] if watch is None else watched_jobs(watch)
    if watch is not None and watch.last is not None and any(job["peak_bytes"] for job in jobs):
        largest = max(jobs, key=lambda job: job["peak_bytes"])
        # What had ended before the watch began is not in its books.
        is_seen = end.largest_bytes <= 2 * largest["peak_bytes"]
        return result._replace(
            peak_bytes=largest["peak_bytes"] if is_seen else end.largest_bytes,
            peak_of="Its processes held" if is_seen else "Its largest process held",
            holder=largest["peak_holder"] if is_seen else "",
            growth_bytes=sum(max(0, job["peak_growth_bytes"]) for job in jobs),
            watched=True,
            events=tuple(watch.events),
            points=tuple(watch.points),
        )
    if watch is not None and watch.was_late:
        # Without kept programs their compilation takes seconds: docs/compile.md.
        kept = (
            "; `ebpftrace compile` makes the next one quick" if end.took_ns > _START_NS else ""
        )
        around.notes.append(f"not watched: it ended before the watch had begun{kept}")
    elif watch is not None and watch.exit_code:
        around.notes.append(f"not watched: {watch.trouble or 'the watch failed'}")
    if cgroup is not None and (peak := cgroup.peak_bytes) is not None:
        return result._replace(peak_bytes=peak, peak_of="Its cgroup took, page cache included,")
    largest_bytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * KIB
    tree = around.tree
    if tree is None or tree.peak_bytes < largest_bytes // 2:  # it was gone before a look
        return result._replace(peak_bytes=largest_bytes, peak_of="Its largest process held")
    return result._replace(
        peak_bytes=tree.peak_bytes, peak_of="Its processes held", holder=tree.holder,
        points=tuple(tree.points),
    )  # fmt: skip


def _leave(around: Around) -> None:
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
