"""Compiles the kernel programs before a watch needs them: for an image, a package, a node."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path

from ebpftrace.probe import calls
from ebpftrace.probe.globs import compile_globs
from ebpftrace.probe.loading.cache import cached_programs
from ebpftrace.probe.loading.checks import require_bpf
from ebpftrace.probe.loading.child import Explain, unexplained
from ebpftrace.probe.loading.compiler import compile_programs
from ebpftrace.probe.loading.known_types import BTF_PATH, KnownTypes
from ebpftrace.probe.loading.layout import read_layout, require_tracepoints
from ebpftrace.probe.loading.settings import compiler_flags
from ebpftrace.probe.records import RecordDecoder
from ebpftrace.probe.selection import Selection
from ebpftrace.probe.structs import StructDecoder


def usual_watches(comms: tuple[str, ...]) -> tuple[tuple[Selection, bool], ...]:
    """The selections that most watches have, each without and with policies.

    A program depends on which kinds of selectors there are and on the room that the
    patterns of `comms` take, not on their values.
    """
    by_name, by_cgroup = Selection(comms=comms), Selection(cgroups=("/",))
    both = Selection(comms=comms, cgroups=("/",))
    with_children = Selection(comms=comms, children=True)
    selections = (by_name, with_children, both, by_cgroup)
    return tuple(product(selections, (False, True)))


def compile_ahead(
    comms: tuple[str, ...],
    folder: Path,
    *,
    btf_file: Path = BTF_PATH,
    cpus: int | None = None,
    explain: Callable[[], Explain] = lambda: unexplained,
) -> Iterator[tuple[Selection, bool]]:
    """Fill the cache in `folder` with the programs of the usual watches, one a step.

    Yields each that is done: the selection, and whether it is for a watch with policies.
    `btf_file` and `cpus` are those of another machine, with the same bcc. `explain` is
    called for each program before it is compiled; see `in_child`. Raises the errors of
    `KernelProbe`, and OSError or NotPermittedError about the folder.
    """
    require_bpf()
    btf = KnownTypes(folder, btf_file)
    layout = read_layout(btf, cpus=cpus)
    method = None if layout.mmap_lock else calls.choose(btf)
    for selection, policies in usual_watches(comms):
        structs = StructDecoder(calls=method is not None, cpus=layout.cpus, watermarks=policies)
        words = compile_globs(selection.comms)[1] if selection.comms else 0
        flags = compiler_flags(
            layout, RecordDecoder(structs).constants(), selection, glob_words=words,
            method=method, watermarks=policies,
        )  # fmt: skip
        compiler = partial(compile_programs, explain=explain)
        objects = cached_programs(flags, folder, compiler=compiler, must_keep=True)
        require_tracepoints(btf, objects.handlers.values())
        btf.keep()
        yield selection, policies
