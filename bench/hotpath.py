"""What the programs on the hot path take: instructions, and the time of a run."""

import ctypes
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.empty import HOT_TRACEPOINTS, empty_program
from bench.figures import Row, Table
from bench.observers import BEFORE, Observer, ebpftrace, running
from bench.scale import Scale
from bench.storms import one_storm
from ebpftrace.probe import Selection
from ebpftrace.probe.kernel import KernelProbe
from ebpftrace.probe.loading.bpf.syscall import OBJ_INFO, pack
from ebpftrace.probe.loading.bpf.syscall import bpf as bpf_call
from ebpftrace.probe.loading.percpu import possible_cpus

_PROG_FD_BY_ID, _ENABLE_STATS = 13, 32
_INFO_BYTES = 232  # struct bpf_prog_info
_AT_XLATED, _AT_TIME_AND_RUNS = 20, 192


class Program(NamedTuple):
    """A program in the kernel."""

    instructions: int  # after the verifier has put calls of map functions in line
    ns: float  # a run, with what measuring it takes


_MANY_CPUS = 64


def measure(scale: Scale) -> Iterator[Table]:
    """The programs of a watch while storms of watched and of other processes run."""
    watches = list(_watches(scale.beside))
    none, many = "a program that does nothing", f"watching it, room for {_MANY_CPUS} CPUs"
    samples: dict[tuple[str, str], list[Program]] = {}
    for _round in range(-(-scale.storm_rounds // 3)):
        with _statistics():
            for tracepoint in HOT_TRACEPOINTS:
                with empty_program(tracepoint) as fd:
                    one_storm(scale.storm_ms)
                    samples.setdefault((tracepoint, none), []).append(_program(fd))
            for label, observer in watches:
                with running(observer) as watch:
                    one_storm(scale.storm_ms)
                    for tracepoint, program in programs(watch.pid):
                        samples.setdefault((tracepoint, label), []).append(program)
            with _probe_for(_MANY_CPUS):
                one_storm(scale.storm_ms)
                for tracepoint, program in programs(os.getpid()):
                    samples.setdefault((tracepoint, many), []).append(program)
    for tracepoint, when in HOT_TRACEPOINTS.items():
        found = {label: samples[tracepoint, label] for label in (none, *dict(watches), many)}
        rows = tuple(Row(label, tuple(one.ns for one in each)) for label, each in found.items())
        lengths = ", ".join(
            f"{label} {each[0].instructions}"
            for label, each in found.items()
            if "others" not in label  # it is the same program
        )
        title = f"a run of the program on {tracepoint}, {when}"
        yield Table("hotpath", title, "ns", rows, against=none,
                    footnotes=(f"instructions: {lengths}",))  # fmt: skip


def programs(pid: int) -> Iterator[tuple[str, Program]]:
    """The raw tracepoints of HOT_TRACEPOINTS that a process has programs on, with these."""
    for file in Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            text = file.read_text()
        except FileNotFoundError:
            continue  # this process's own, for looking at the folder
        fields = dict(re.findall(r"^(\w+):\s*(\S+)$", text, re.MULTILINE))
        if fields.get("tp_name") in HOT_TRACEPOINTS:
            fd = bpf_call(_PROG_FD_BY_ID, pack("III", int(fields["prog_id"]), 0, 0))
            try:
                yield fields["tp_name"], _program(fd)
            finally:
                os.close(fd)


@contextmanager
def _probe_for(cpus: int) -> Iterator[None]:
    """A probe as on a machine that could have so many CPUs, in this process."""
    storms = Selection(comms=("storm-*",))
    probe = KernelProbe(storms, more_cpus=max(0, cpus - possible_cpus()))
    try:
        yield
    finally:
        probe.close()


def _watches(beside: Path | None) -> Iterator[tuple[str, Observer]]:
    for label, comm in (("watching it", "storm-*"), ("watching others", "ebpftrace-bench")):
        yield label, ebpftrace(label, "--comm", comm)
        if beside is not None:
            before = f"{label}{BEFORE}"
            yield before, ebpftrace(before, "--comm", comm, checkout=beside)


def _program(fd: int) -> Program:
    info = ctypes.create_string_buffer(_INFO_BYTES)
    bpf_call(OBJ_INFO, pack("IIQ", fd, len(info), ctypes.addressof(info)))
    (xlated,) = struct.unpack_from("=I", info, _AT_XLATED)
    ns, runs = struct.unpack_from("=QQ", info, _AT_TIME_AND_RUNS)
    return Program(xlated // 8, ns / runs if runs else 0.0)


@contextmanager
def _statistics() -> Iterator[None]:
    """The kernel measures each run; it stops when the descriptor is closed."""
    fd = bpf_call(_ENABLE_STATS, pack("I", 0))
    try:
        yield
    finally:
        os.close(fd)
