"""Compiles bpf/ with bcc, in a child process whose end frees the compiler's memory.

`import bcc` takes 74 MB for LLVM, most of it file pages, which cannot be freed while another
process on the machine has them mapped (a compiler, a second watch). So the watch itself
never imports it.
"""

import ctypes
import importlib.util
import os
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from ebpftrace.errors import NoBccError
from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.child import Explain, in_child, unexplained
from ebpftrace.probe.loading.objects import MapShape, Objects, relocate
from ebpftrace.probe.loading.sources import read_source, source_folder

PACKAGES = "apt install python3-bpfcc  ·  dnf install python3-bcc  ·  apk add py3-bcc"


def compile_programs(
    flags: tuple[str, ...], explain: Callable[[], Explain] = lambda: unexplained
) -> Objects:
    """The programs and maps of bpf/, with these `-D` flags. NoBccError, ProbeError.

    `explain` is called before the compiler starts, and what it returns as `in_child` says.
    """
    done = in_child(
        lambda: _compile(flags).to_bytes(),
        failed="the kernel programs do not compile",
        explain=explain(),
        after_crash=lambda: _compile_in_new_process(flags),
    )
    return Objects.from_bytes(done)


def import_bcc() -> ModuleType:
    """The distribution's bcc. NoBccError if it is missing or another package of that name."""
    os.environ["BCC_KERNEL_SOURCE"] = str(source_folder())
    found = importlib.util.find_spec("bcc")
    # Checked without importing it: the other package imports test tools that may be missing.
    if found is not None and not _is_the_compiler(found):
        raise NoBccError(
            "the bcc that Python finds is not the BPF Compiler Collection",
            why=f"{_where(found)} has no libbcc.py beside it: PyPI's package of that name is "
            "about crystal lattices",
            fix=f"pip uninstall bcc, then: {PACKAGES}",
        )
    try:
        import bcc
    except ImportError as error:
        raise NoBccError(
            "bcc is not installed for this Python",
            why=f"{error} ({sys.executable})",
            fix=f"{PACKAGES}\nIt is a package of the distribution, seen by its own Python "
            "(/usr/bin/python3)\nand by venvs made with --system-site-packages.",
        ) from None
    module: ModuleType = bcc
    return module


def _is_the_compiler(found: ModuleSpec) -> bool:
    return found.origin is not None and Path(found.origin).with_name("libbcc.py").exists()


def _where(found: ModuleSpec) -> str:
    """The module's file, or the folders of a package without one."""
    return found.origin or ", ".join(found.submodule_search_locations or ())


def _compile_in_new_process(flags: tuple[str, ...]) -> bytes:
    """Compiles in a new interpreter: a crash of a fork may come from the memory it inherits."""
    import subprocess

    program = (
        f"import sys; sys.path[:] = {sys.path!r}\n"
        f"from {__name__} import _compile\n"
        f"sys.stdout.buffer.write(_compile({flags!r}).to_bytes())\n"
    )
    done = subprocess.run((sys.executable, "-c", program), stdout=subprocess.PIPE, check=False)
    if done.returncode < 0:
        os.kill(os.getpid(), -done.returncode)  # this child's end is the error's reason
    if done.returncode:
        raise RuntimeError(f"the compiler ended with exit code {done.returncode}")
    return done.stdout


def _compile(flags: tuple[str, ...]) -> Objects:
    bcc = import_bcc()
    # bcc adds debug information by default, which takes a fifth of the time and is not used.
    module = bcc.BPF(text=read_source().encode(), cflags=[*flags, "-g0"]).module
    lib = bcc.lib
    lib.bpf_table_name.restype = ctypes.c_char_p
    maps: dict[str, MapShape] = {}
    positions: dict[int, int] = {}
    for position in range(lib.bpf_num_tables(module)):
        fd = lib.bpf_table_fd_id(module, position)
        name = lib.bpf_table_name(module, position).decode()
        maps[name] = MapShape(*bpf.map_shape(fd))
        positions[fd] = position
    programs = {}
    for position in range(lib.bpf_num_functions(module)):
        function = lib.bpf_function_name(module, position)
        start = lib.bpf_function_start(module, function)
        code = ctypes.string_at(start, lib.bpf_function_size(module, function))
        programs[function.decode()] = relocate(code, positions)
    return Objects(maps, programs)
