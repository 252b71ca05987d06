"""`ebpftrace watch`: who holds how much memory, live."""

import sys
from typing import Any, cast

import click

from ebpftrace.probe.globs import compile_globs
from ebpftrace.probe.selection import Selection
from ebpftrace.road import Request
from ebpftrace.road import watch as walk
from ebpftrace.units import NS_PER_SECOND, parse_duration_ns
from ebpftrace.views.choose import Output, open_view

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
@click.option("--output", type=click.Choice(["table", "plain", "jsonl"]), default=None,
              help="[default: table on a terminal, plain in a pipe]")  # fmt: skip
@click.option("--interval", type=Duration(), default="1s", show_default=True,
              help="Time between two readings.")  # fmt: skip
@click.option("--duration", type=Duration(), default=None,
              help="End by itself after this time.")  # fmt: skip
@click.option("--once", is_flag=True, help="One reading, then end.")
def watch(
    comms: tuple[str, ...],
    pids: tuple[int, ...],
    cgroups: tuple[str, ...],
    exes: tuple[str, ...],
    go_mains: tuple[str, ...],
    children: bool,
    mapping_calls: bool,
    output: str | None,
    interval: int,
    duration: int | None,
    once: bool,
) -> None:
    """Watch the memory of processes, by CI job."""
    if not (comms or pids or cgroups or exes or go_mains):
        comms = ("gopls",)
    compile_globs(comms)  # what is wrong with a pattern is said before anything else
    on_terminal = sys.stdout.isatty()
    name = cast(Output, output or ("table" if on_terminal else "plain"))
    request = Request(
        selection=Selection(comms, pids, cgroups, exes, go_mains, children),
        interval_ns=interval,
        duration_ns=duration,
        once=once,
        mapping_calls=mapping_calls,
        keys=name == "table" and on_terminal and sys.stdin.isatty() and not once,
    )
    walk(request, lambda: open_view(name, sys.stdout))
