"""`ebpftrace watch`: who holds how much memory, live."""

import sys
from pathlib import Path
from typing import Any, cast

import click

from ebpftrace.probe.globs import compile_globs
from ebpftrace.probe.selection import Selection
from ebpftrace.road import Request
from ebpftrace.road import watch as walk
from ebpftrace.units import NS_PER_SECOND, parse_duration_ns
from ebpftrace.views.choose import Output, open_screenshot, open_view

_SHORTEST_NS = NS_PER_SECOND // 10
_LARGEST_PID = 1 << 22  # PID_MAX_LIMIT, include/linux/threads.h


class Duration(click.ParamType[int]):
    """`500ms`, `2s`, `1.5m`, `1h`; nanoseconds inside."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        if isinstance(value, int):
            return value
        try:
            ns = parse_duration_ns(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if ns < _SHORTEST_NS:
            self.fail("at least 100ms", param, ctx)
        return ns


class Pid(click.ParamType[int]):
    """A number of one or more."""

    name = "pid"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        text = str(value)
        if not (text.isascii() and text.isdigit() and 0 < int(text) <= _LARGEST_PID):
            self.fail(f"not a pid: {text!r}", param, ctx)
        return int(text)


class Size(click.ParamType[tuple[int, int]]):
    """`120x36`: columns and lines."""

    name = "size"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        columns, _, lines = str(value).partition("x")
        if not (columns.isdecimal() and lines.isdecimal()):
            self.fail(f"not a size: {value!r}; write 120x36", param, ctx)
        if not (10 <= int(columns) <= 500 and 5 <= int(lines) <= 500):
            self.fail("from 10x5 to 500x500", param, ctx)
        return int(columns), int(lines)


@click.command(
    epilog="""
    \b
    Examples:
      sudo ebpftrace watch                         gopls, everywhere
      sudo ebpftrace watch --comm 'go*' --children
      sudo ebpftrace watch --go-main 'golang.org/x/tools/*'
      sudo ebpftrace watch --cgroup /ci --comm '*' --output jsonl >memory.jsonl
      sudo ebpftrace watch --once --output jsonl | head -1

    On a terminal, q ends it. Selectors of different kinds must all agree; those of
    one kind add up.
    """
)
@click.option("--comm", "comms", multiple=True, metavar="GLOB",
              help="Process name, as ps -o comm has it. Repeatable.  [gopls]")  # fmt: skip
@click.option("--pid", "pids", multiple=True, type=Pid(), metavar="PID",
              help="One process. Repeatable.")  # fmt: skip
@click.option("--cgroup", "cgroups", multiple=True, metavar="PATH",
              help="Processes of a memory cgroup and of all below it. Repeatable.")  # fmt: skip
@click.option("--exe", "exes", multiple=True, metavar="GLOB",
              help="Path of the executable. Repeatable.")  # fmt: skip
@click.option("--go-main", "go_mains", multiple=True, metavar="GLOB",
              help="Main package of a Go program, by build info. Repeatable.")  # fmt: skip
@click.option("--children", is_flag=True,
              help="Follow descendants too, whatever they are called.")  # fmt: skip
@click.option("--mapping-calls", is_flag=True,
              help="Tell mmap, munmap, brk and mremap apart; says what it costs.")  # fmt: skip
@click.option("--delays", is_flag=True,
              help="Time each process lost waiting for memory, from the kernel's delay "
                   "accounting; needs sysctl kernel.task_delayacct=1.")  # fmt: skip
@click.option("--output", type=click.Choice(["table", "plain", "jsonl"]), default=None,
              help="[default: table on a terminal, plain in a pipe]")  # fmt: skip
@click.option("--interval", type=Duration(), default="1s", show_default=True,
              help="Time between two readings.")  # fmt: skip
@click.option("--duration", type=Duration(), default=None,
              help="End by itself after this time.")  # fmt: skip
@click.option("--once", is_flag=True, help="One reading, then end.")
@click.option("--screenshot", type=click.Path(dir_okay=False, path_type=Path), default=None,
              metavar="FILE.svg",
              help="Draw the dashboard's last frame into a file, without a terminal; "
              "of one reading, or of --duration.")  # fmt: skip
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
    output: str | None,
    interval: int,
    duration: int | None,
    once: bool,
    screenshot: Path | None,
    size: tuple[int, int],
) -> None:
    """Watch the memory of processes, by CI job."""
    if not (comms or pids or cgroups or exes or go_mains):
        comms = ("gopls",)
    compile_globs(comms)  # what is wrong with a pattern is said before anything else
    name = cast(Output, output or ("table" if sys.stdout.isatty() else "plain"))
    request = Request(
        selection=Selection(comms, pids, cgroups, exes, go_mains, children),
        interval_ns=interval,
        duration_ns=duration,
        once=once or (screenshot is not None and duration is None),
        mapping_calls=mapping_calls,
        delays=delays,
    )
    if screenshot is not None:
        picture = screenshot
        walk(request, lambda _quit: open_screenshot(picture, *size))
    else:
        walk(request, lambda end: open_view(name, sys.stdout, end, live=not once))
