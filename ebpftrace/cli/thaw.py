"""`ebpftrace thaw`: resume processes that the fuse of a running watch has stopped."""

from pathlib import Path

import click

from ebpftrace.act.fuse.holding.control_client import NoReplyError, request_thaw
from ebpftrace.act.fuse.holding.control_server import remove_stale, run_folder
from ebpftrace.cli.parameters import Pid
from ebpftrace.errors import EbpftraceError, GoneError, NotPermittedError, UsageError
from ebpftrace.text import wrap


@click.command(
    epilog="""
    \b
    Examples:
      sudo ebpftrace thaw 4711
      sudo ebpftrace thaw --all

    A resumed process is stopped again when it grows past its next bound, which is printed.
    """
)
@click.argument("pids", nargs=-1, type=Pid(), metavar="[PID]...")
@click.option("--all", "all_stopped", is_flag=True, help="All processes stopped by a fuse.")
def thaw(pids: tuple[int, ...], all_stopped: bool) -> None:
    """Resume processes stopped by the fuse of a running watch."""
    if bool(pids) == all_stopped:
        raise UsageError("give either pids or --all", fix="see: ebpftrace thaw --help")
    watches = _running_watches()
    silent: dict[str, str] = {}  # pids of watches, and why they did not reply
    wanted = (None,) if all_stopped else tuple(dict.fromkeys(pids))
    left = [pid for pid in wanted if not _thaw(watches, pid, silent)]
    for watch, why in silent.items():
        if left:
            fix = f"if the watch is stopped: kill -CONT {watch}; processes resume when it ends"
            raise EbpftraceError(f"watch {watch} does not reply", why=why, fix=fix)
    if all_stopped and left:
        click.echo("no process is stopped by a fuse")
    elif left:
        raise GoneError(
            f"not stopped by ebpftrace: {', '.join(map(str, left))}",
            why="no running watch has stopped it",
            fix=f"kill -CONT {left[0]} resumes a process that another program stopped",
        )


def _running_watches() -> list[Path]:
    folder = run_folder()
    try:
        watches = remove_stale(folder)
    except PermissionError as error:
        raise NotPermittedError(
            "thaw requires root", why=f"{folder}: {error.strerror}", fix="sudo"
        ) from error
    if not watches:
        raise GoneError(
            "no watch with a fuse is running",
            why=f"there is no socket in {folder}",
            fix="processes stopped by a watch resume when it ends; for others: kill -CONT",
        )
    return watches


def _thaw(watches: list[Path], pid: int | None, silent: dict[str, str]) -> bool:
    """Ask every watch, since any may have stopped it; whether one resumed it."""
    resumed = False
    for watch in watches:
        if watch.stem in silent:
            continue
        try:
            reply = request_thaw(watch, pid)
        except NoReplyError as error:
            silent[watch.stem] = str(error)
            continue
        for sentence in reply.thawed:
            click.echo("\n".join(wrap(sentence, following="  ")))
        if reply.more:
            click.echo(f"and {reply.more:,} more")
        resumed |= bool(reply.thawed)
    return resumed
