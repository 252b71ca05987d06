"""The bpf(2) system call, as far as bcc's Python does not reach.

Maps and batches over them, running a program on demand, iterators, and programs assembled
here. Failures are OSError.
"""

from ebpftrace.probe.loading.bpf.maps import (
    MAP_ARRAY,
    MAP_PERCPU_ARRAY,
    Batch,
    create_map,
    delete,
    lookup,
    map_shape,
    update,
)
from ebpftrace.probe.loading.bpf.programs import (
    ATTACH_FENTRY,
    ATTACH_FEXIT,
    ATTACH_TRACE_ITER,
    PROG_KPROBE,
    PROG_RAW_TRACEPOINT,
    PROG_TRACEPOINT,
    PROG_TRACING,
    ElementReader,
    Runner,
    attach_raw_tracepoint,
    attach_tracing,
    iterate,
    load,
    missed_runs,
    run,
    run_time_ns,
)

__all__ = [
    "ATTACH_FENTRY",
    "ATTACH_FEXIT",
    "ATTACH_TRACE_ITER",
    "MAP_ARRAY",
    "MAP_PERCPU_ARRAY",
    "PROG_KPROBE",
    "PROG_RAW_TRACEPOINT",
    "PROG_TRACEPOINT",
    "PROG_TRACING",
    "Batch",
    "ElementReader",
    "Runner",
    "attach_raw_tracepoint",
    "attach_tracing",
    "create_map",
    "delete",
    "iterate",
    "load",
    "lookup",
    "map_shape",
    "missed_runs",
    "run",
    "run_time_ns",
    "update",
]
