"""bcc: C in, loaded programs out; quietly, and with its memory given back.

`import bcc` is 74 MB of LLVM; compiled once, it is not needed again.
"""

import contextlib
import ctypes
import mmap
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

from ebpftrace.errors import NoBccError, ProbeError
from ebpftrace.probe import bpf

SOURCES = ("types.h", "maps.h", "kernel.h", "select.h", "watermarks.h",
           "memory.c", "mappings.c", "lifecycle.c", "pressure.c")  # fmt: skip

_HINT = "apt install python3-bpfcc  ·  dnf install python3-bcc  ·  apk add py3-bcc"
_LIBRARIES = ("libLLVM", "libclang", "libbcc")
_MADV_PAGEOUT = 21  # Linux 5.4; not among mmap's constants


def source_folder() -> Path:
    """Where the C is: in the wheel beside the package's modules, else in the checkout."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "bpf", package.parent / "bpf"):
        if (folder / "types.h").exists():
            return folder
    raise ProbeError(
        "ebpftrace's kernel programs are missing",
        why=f"there is no bpf/ beside {package}",
        fix="install ebpftrace again",
    )


def import_bcc() -> ModuleType:
    """The distribution's bcc. NoBccError if it is missing or another package of that name."""
    os.environ["BCC_KERNEL_SOURCE"] = str(source_folder())
    try:
        import bcc
    except ImportError as error:
        raise NoBccError(
            "bcc is not installed for this Python",
            why=f"{error} ({sys.executable})",
            fix=f"{_HINT}\nIt is a package of the distribution, seen by its own Python "
            "(/usr/bin/python3)\nand by venvs made with --system-site-packages.",
        ) from None
    if not hasattr(bcc, "BPF"):
        raise NoBccError(
            "the bcc that Python finds is not the BPF Compiler Collection",
            why=f"{bcc.__file__} has no BPF: PyPI's package of that name is about "
            "crystal lattices",
            fix=f"pip uninstall bcc, then: {_HINT}",
        )
    module: ModuleType = bcc
    return module


class Programs:
    """The compiled programs and their maps. Nothing is attached until it is asked for.

    Everything attached belongs to this process's file descriptors: when it dies, in
    whatever way, the kernel detaches all of it.
    """

    def __init__(self, flags: tuple[str, ...]) -> None:
        """Compile with these `-D` flags. NoBccError, ProbeError."""
        self._bcc = import_bcc()
        folder = source_folder()
        text = "".join(
            f'#line 1 "bpf/{name}"\n{(folder / name).read_text(encoding="utf-8")}\n'
            for name in SOURCES
        )
        self._links: list[int] = []
        with _explained("the kernel programs do not compile"):
            self._module = self._bcc.BPF(text=text.encode(), cflags=list(flags))

    def map_fd(self, name: str) -> int:
        """A map's file descriptor; it lives as long as this object."""
        fd: int = self._module[name.encode()].map_fd
        return fd

    def load(self, name: str) -> int:
        """Load a raw-tracepoint program without attaching it; its descriptor."""
        with _explained(f"the kernel refuses the program {name}"):
            fd: int = self._module.load_func(name.encode(), self._bcc.BPF.RAW_TRACEPOINT).fd
        return fd

    def attach_raw(self, name: str, tracepoint: str) -> None:
        """Run a program at every hit of a raw tracepoint."""
        with _explained(f"the program {name} does not attach to {tracepoint}"):
            self._module.attach_raw_tracepoint(tracepoint.encode(), name.encode())

    def attach_tracepoint(self, name: str, tracepoint: str) -> None:
        """Run a program at a classic tracepoint, `category:name`."""
        with _explained(f"the program {name} does not attach to {tracepoint}"):
            self._module.attach_tracepoint(tp=tracepoint.encode(), fn_name=name.encode())

    def attach_kprobe(self, name: str, function: str, *, at_return: bool = False) -> None:
        """Run a program when a kernel function is entered or left."""
        attach = self._module.attach_kretprobe if at_return else self._module.attach_kprobe
        with _explained(f"the program {name} does not attach to {function}"):
            attach(event=function.encode(), fn_name=name.encode())

    def attach_tracing(self, name: str, attach: int, btf_id: int) -> None:
        """Load and attach an fentry or fexit program to the function with this BTF id."""
        with _explained(f"the program {name} does not attach by fentry"):
            program = bpf.load(bpf.PROG_TRACING, self._code(name), attach=attach, btf_id=btf_id)
            self._links += (program, bpf.attach_tracing(program))

    def iterate(self, name: str, btf_id: int) -> None:
        """Run an iterator program once over all it iterates."""
        with _explained(f"the kernel refuses the iterator {name}"):
            program = bpf.load(
                bpf.PROG_TRACING,
                self._code(name),
                attach=bpf.ATTACH_TRACE_ITER,
                btf_id=btf_id,
            )
            try:
                bpf.iterate(program)
            finally:
                os.close(program)

    def open_ring(self, name: str, callback: Callable[[bytes], None]) -> int:
        """Have `drain` call `callback` with each record; a descriptor to poll for input."""

        def received(_context: object, data: int, size: int) -> None:
            callback(ctypes.string_at(data, size))

        self._received = received  # bcc keeps no reference of its own
        ring = self._module[name.encode()]
        ring.open_ring_buffer(received)
        fd: int = ring.map_fd
        return fd

    def drain(self) -> None:
        """Hand over every record that waits in the ring."""
        self._module.ring_buffer_consume()

    def run_time_ns(self) -> int:
        """Nanoseconds all programs ran; 0 unless kernel.bpf_stats_enabled is 1."""
        fds = [function.fd for function in self._module.funcs.values()]
        return sum(bpf.run_time_ns(fd) for fd in (*fds, *self._links[::2]))

    def close(self) -> None:
        """Detach and forget everything."""
        for fd in self._links:
            os.close(fd)
        self._links.clear()
        with quiet():
            self._module.cleanup()

    def _code(self, name: str) -> bytes:
        lib = self._bcc.lib
        start = lib.bpf_function_start(self._module.module, name.encode())
        return ctypes.string_at(
            start, lib.bpf_function_size(self._module.module, name.encode())
        )


@contextlib.contextmanager
def _explained(what: str) -> Iterator[None]:
    """Whatever bcc or the kernel raises becomes a ProbeError with what they wrote."""
    with quiet() as said:
        try:
            yield
        except NoBccError:
            raise
        except Exception as error:  # bcc raises nothing more specific
            raise ProbeError(
                what,
                why="\n".join(filter(None, (str(error), said()))),
                fix="report it with the output of `uname -a` and the version of bcc",
            ) from None


@contextlib.contextmanager
def quiet() -> Iterator[Callable[[], str]]:
    """stdout and stderr go nowhere: LLVM, bcc and libbpf write what a user must not see.

    Yields a function that returns what was written (its last kilobytes), for an error.
    """
    libc = ctypes.CDLL(None)
    with tempfile.TemporaryFile() as sink:
        sys.stdout.flush()
        saved = [(fd, os.dup(fd)) for fd in (1, 2)]
        for fd, _copy in saved:
            os.dup2(sink.fileno(), fd)

        def said() -> str:
            libc.fflush(None)
            size = sink.seek(0, os.SEEK_END)
            sink.seek(max(0, size - 2000))
            return sink.read().decode("utf-8", "replace").strip()

        try:
            yield said
        finally:
            libc.fflush(None)  # or it would come out later, in the middle of ours
            for fd, copy in saved:
                os.dup2(copy, fd)
                os.close(copy)


def give_back_memory() -> None:
    """Return what only the compiler needed: free heap, and the pages of its libraries.

    The libraries stay mapped; a page that is touched again comes back from the file.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for start, size in _library_mappings():
        libc.madvise(start, size, _MADV_PAGEOUT)


def _library_mappings() -> Iterator[tuple[int, int]]:
    for line in Path("/proc/self/maps").read_text().splitlines():
        name = line.rpartition("/")[2]
        if name.startswith(_LIBRARIES):
            start, end = (int(part, 16) for part in line.split(" ", 1)[0].split("-"))
            assert start % mmap.PAGESIZE == 0
            yield start, end - start
