"""`ebpftrace thaw`: who was stopped by the fuse of a running watch goes on."""

from pathlib import Path

import click

from ebpftrace.act.fuse.holding.control_client import NoAnswerError, ask_to_thaw
from ebpftrace.act.fuse.holding.control_server import remove_stale, run_folder
from ebpftrace.cli.watch import Pid
from ebpftrace.errors import EbpftraceError, GoneError, NotPermittedError, UsageError
from ebpftrace.text import wrap


@click.command(
    epilog="""
    \b
    Examples:
      sudo ebpftrace thaw 4711
      sudo ebpftrace thaw --all

    Whoever goes on is stopped again where it grows past the next bound, which is told.
    """
)
@click.argument("pids", nargs=-1, type=Pid(), metavar="[PID]...")
@click.option("--all", "everybody", is_flag=True, help="All that stand now.")
def thaw(pids: tuple[int, ...], everybody: bool) -> None:
    """Let processes go on that the fuse of a running watch stopped."""
    if bool(pids) == everybody:
        raise UsageError("name either pids or --all", fix="see: ebpftrace thaw --help")
    watches = _watches()
    silent: dict[str, str] = {}
    wanted = (None,) if everybody else tuple(dict.fromkeys(pids))
    left = [pid for pid in wanted if not _thawed(watches, pid, silent)]
    for watch, why in silent.items():
        if left:
            fix = f"kill -CONT {watch}, where it is stopped; its end lets go whom it stopped"
            raise EbpftraceError(f"the watch {watch} does not answer", why=why, fix=fix)
    if everybody and left:
        click.echo("nobody stands: no fuse has stopped anyone")
    elif left:
        who = ", ".join(map(str, left))
        raise GoneError(
            f"not stopped by ebpftrace: {who}",
            why="no watch that runs holds it",
            fix=f"kill -CONT {left[0]} wakes who was stopped by somebody else",
        )


def _watches() -> list[Path]:
    folder = run_folder()
    try:
        watches = remove_stale(folder)
    except PermissionError as error:
        raise NotPermittedError(
            "whoever is no root cannot thaw", why=f"{folder}: {error.strerror}", fix="sudo"
        ) from error
    if not watches:
        raise GoneError(
            "no watch with a fuse is running",
            why=f"there is no socket in {folder}",
            fix="whom a watch stopped goes on with its end; kill -CONT wakes all others",
        )
    return watches


def _thawed(watches: list[Path], pid: int | None, silent: dict[str, str]) -> bool:
    """Whether any watch let it go. All are asked: who holds what is theirs to know."""
    any_went = False
    for watch in watches:
        if watch.stem in silent:
            continue
        try:
            answer = ask_to_thaw(watch, pid)
        except NoAnswerError as error:
            silent[watch.stem] = str(error)
            continue
        for sentence in answer.thawed:
            click.echo("\n".join(wrap(sentence, following="  ")))
        if answer.more:
            click.echo(f"and {answer.more:,} more")
        any_went |= bool(answer.thawed)
    return any_went
