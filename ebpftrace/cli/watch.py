"""`ebpftrace watch`: the memory of jobs and processes, live."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from ebpftrace.cli.configured import ConfiguredCommand
from ebpftrace.cli.outputs import NAMES, OutputTarget, OutputType, openers
from ebpftrace.cli.parameters import Duration, Size
from ebpftrace.cli.watching import INTERVAL, SharedOptions, acting, selecting
from ebpftrace.engine import watch as run
from ebpftrace.engine.waiting.waiter import Waiter
from ebpftrace.views import View
from ebpftrace.views.factory import open_screenshot


@click.command(
    cls=ConfiguredCommand,
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
    kind that is given. Each option can also be given as EBPFTRACE_WATCH_OPTION, and below
    [watch] in the policy file.
    """,
)
@selecting
@click.option("--output", "outputs", type=OutputType(), multiple=True,
              metavar=f"[{'|'.join(NAMES)}][:FILE]",
              help="Output format, written to FILE if given. Repeatable.  [table on a "
                   "terminal, plain in a pipe]")  # fmt: skip
@click.option("--changes", is_flag=True,
              help="In JSON Lines list only the jobs that changed, and all of them first "
                   "and once a minute.")  # fmt: skip
@INTERVAL
@click.option("--duration", type=Duration(), default=None,
              help="End after this time.")  # fmt: skip
@acting
@click.option("--once", is_flag=True, help="Take one snapshot, then end.")
@click.option("--screenshot", type=click.Path(dir_okay=False, path_type=Path), default=None,
              metavar="FILE.svg",
              help="Write the dashboard's last frame to a file, without a terminal: "
              "after one snapshot, or after --duration.")  # fmt: skip
@click.option("--size", type=Size(), default="120x36", show_default=True,
              help="Columns and lines of the screenshot.")  # fmt: skip
def watch(
    outputs: tuple[OutputTarget, ...],
    changes: bool,
    duration: int | None,
    once: bool,
    screenshot: Path | None,
    size: tuple[int, int],
    **shared: Any,
) -> None:
    """Watch the memory of processes, by CI job."""
    request = SharedOptions(**shared).request()
    if screenshot is not None:  # it takes the place of standard output
        outputs = tuple(target for target in outputs if target.file is not None)
    wanted = bool(outputs or changes or screenshot is None)
    views = openers(outputs, live=not once, changes=changes) if wanted else []
    request = request._replace(
        duration_ns=duration,
        once=once or (screenshot is not None and duration is None),
    )
    if screenshot is not None:
        views.insert(0, partial(_open_screenshot, screenshot, size))
    run(request, views)


def _open_screenshot(file: Path, size: tuple[int, int], _waiter: Waiter) -> View:
    return open_screenshot(file, *size)
