"""The kernel programs and their maps: loaded, attached, read and closed."""

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

from ebpftrace.architecture import HERE
from ebpftrace.descriptors import is_exhausted, with_spares
from ebpftrace.errors import ProbeError
from ebpftrace.probe.loading import bpf
from ebpftrace.probe.loading.library import bcc_library, quiet
from ebpftrace.probe.loading.library_ring import LibraryRing
from ebpftrace.probe.loading.objects import Objects, relocate
from ebpftrace.probe.loading.ring import Ring

_LOG_BYTES = 1 << 18
_LOADERS = 2  # threads that load programs at a time


class RefusedProgramError(ProbeError):
    """The kernel's verifier refuses a program."""


class Programs:
    """Creates the maps; programs are loaded and attached on request.

    Everything attached belongs to file descriptors of this process: when it ends, in
    whatever way, the kernel detaches all of it.
    """

    def __init__(self, objects: Objects) -> None:
        """ProbeError if the kernel refuses a map."""
        self._code = objects.programs
        self._maps: dict[str, int] = {}
        self._loaded: list[int] = []
        self._by_name: dict[str, int] = {}
        self._links: list[int] = []
        self._perf: list[int] = []
        self._rings: list[Ring | LibraryRing] = []
        self._readers: list[bpf.ElementReader] = []
        try:
            for name, shape in objects.maps.items():
                with _probe_errors(f"the kernel refuses the map {name}"):
                    self._maps[name] = bpf.create_map(*shape)
        except ProbeError:
            self.close()
            raise
        self._positions = dict(enumerate(self._maps.values()))

    def map_fd(self, name: str) -> int:
        """A map's file descriptor; it lives as long as this object."""
        return self._maps[name]

    def load(
        self,
        name: str,
        kind: int = bpf.PROG_RAW_TRACEPOINT,
        *,
        attach: int = 0,
        btf_id: int = 0,
    ) -> int:
        """Load a program, unless it is loaded; its descriptor lives as long as this object.

        RefusedProgramError with the end of the verifier's log.
        """
        if name in self._by_name:
            return self._by_name[name]
        code = relocate(self._code[name], self._positions)
        try:
            program = bpf.load(kind, code, attach=attach, btf_id=btf_id)
        except OSError as error:
            log = ctypes.create_string_buffer(_LOG_BYTES)
            with contextlib.suppress(OSError):
                os.close(bpf.load(kind, code, attach=attach, btf_id=btf_id, log=log))
            output = log.value.decode("utf-8", "replace")
            refused = _refused(f"the kernel refuses the program {name}", error, output)
            raise RefusedProgramError(refused.what, why=refused.why, fix=refused.fix) from None
        self._loaded.append(program)
        self._by_name[name] = program
        return program

    def load_all(self, names: Iterable[str], iterators: Mapping[str, int]) -> None:
        """Load programs for raw tracepoints, and iterators with their BTF ids, on several CPUs:
        the verifier takes its time. What there is no program of that name for is left out.

        ProbeError as `load` raises it.
        """
        wanted = {*names, *iterators} & self._code.keys()
        left = sorted(wanted, key=lambda name: len(self._code[name]))  # the longest go first
        failed: list[Exception] = []

        def work() -> None:
            while left and not failed:
                with contextlib.suppress(IndexError):  # another thread took the last one
                    name = left.pop()
                    try:
                        if name in iterators:
                            self._load_iterator(name, iterators[name])
                        else:
                            self.load(name)
                    except Exception as error:
                        failed.append(error)

        others = min(_LOADERS, len(os.sched_getaffinity(0))) - 1
        threads = [threading.Thread(target=work) for _ in range(others)]
        for thread in threads:
            thread.start()
        work()
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]

    def attach_raw(self, name: str, tracepoint: str) -> None:
        """Run a program at every hit of a raw tracepoint."""
        program = self.load(name)
        with _probe_errors(f"the program {name} does not attach to {tracepoint}"):
            self._links.append(bpf.attach_raw_tracepoint(program, tracepoint))

    def attach_tracing(self, name: str, attach: int, btf_id: int) -> None:
        """Load and attach an fentry or fexit program to the function with this BTF id."""
        program = self.load(name, bpf.PROG_TRACING, attach=attach, btf_id=btf_id)
        with _probe_errors(f"the program {name} does not attach by fentry"):
            self._links.append(bpf.attach_tracing(program))

    def attach_tracepoint(self, name: str, tracepoint: str) -> None:
        """Run a program at a classic tracepoint, `category:name`."""
        program = self.load(name, bpf.PROG_TRACEPOINT)
        with _library_errors(f"the program {name} does not attach to {tracepoint}"):
            parts = (part.encode() for part in tracepoint.split(":"))
            self._own_event(bcc_library().bpf_attach_tracepoint(program, *parts))

    def attach_kprobe(self, name: str, function: str, *, at_return: bool = False) -> None:
        """Run a program when a kernel function is entered or left."""
        program = self.load(name, bpf.PROG_KPROBE)
        event = f"{'r' if at_return else 'p'}_{function}".encode()
        with _library_errors(f"the program {name} does not attach to {function}"):
            attach = bcc_library().bpf_attach_kprobe
            attach.argtypes = (
                ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p,
                ctypes.c_uint64, ctypes.c_int,
            )  # fmt: skip
            self._own_event(attach(program, int(at_return), event, function.encode(), 0, 0))

    def iterate(
        self,
        name: str,
        btf_id: int,
        between: Callable[[bytes], object] = lambda _written: None,
    ) -> None:
        """Run an iterator program once over all it iterates; it is loaded at the first time.

        For `between` see `bpf.iterate`.
        """
        program = self._load_iterator(name, btf_id)
        with _probe_errors(f"the kernel does not run the iterator {name}"):
            with_spares(lambda: bpf.iterate(program, between))

    def elements(self, name: str, map_name: str, btf_id: int) -> Callable[[], bytes]:
        """A function that runs an iterator program over a map; what the program writes.

        Nothing, and a counted loss, where no descriptor is left for the run.
        """
        program = self._load_iterator(name, btf_id)
        with _probe_errors(f"the kernel does not run the iterator {name}"):
            reader = bpf.ElementReader(program, self._maps[map_name])
        self._readers.append(reader)

        def read() -> bytes:
            try:
                return with_spares(reader.read)
            except OSError as error:
                if not is_exhausted(error):
                    raise
                return b""  # what has changed is read the next time

        return read

    def open_ring(self, name: str, callback: Callable[[bytes], None]) -> Ring | LibraryRing:
        """Map a ring buffer, whose records are passed to `callback` as it is drained."""
        ring: Ring | LibraryRing
        if HERE.in_order:
            ring = Ring(name, self._maps[name], callback)
        else:
            ring = LibraryRing(bcc_library(), name, self._maps[name], callback)
        self._rings.append(ring)
        return ring

    def run_time_ns(self) -> int:
        """Nanoseconds all programs ran; 0 unless kernel.bpf_stats_enabled is 1."""
        return sum(map(bpf.run_time_ns, self._loaded))

    def missed_runs(self, names: Iterable[str]) -> int:
        """How often these programs should have run and did not."""
        return sum(bpf.missed_runs(self._by_name[name]) for name in names)

    def close(self) -> None:
        """Detach and close everything. A second call does nothing."""
        for fd in self._perf:
            bcc_library().bpf_close_perf_event_fd(fd)
        for ring in self._rings:
            ring.close()
        for reader in self._readers:
            reader.close()
        for fd in (*self._links, *self._loaded, *self._maps.values()):
            os.close(fd)
        for owned in (self._perf, self._readers, self._links, self._loaded, self._maps):
            owned.clear()

    def _load_iterator(self, name: str, btf_id: int) -> int:
        attach = bpf.ATTACH_TRACE_ITER
        return self.load(name, bpf.PROG_TRACING, attach=attach, btf_id=btf_id)

    def _own_event(self, perf_event: int) -> None:
        if perf_event < 0:
            raise OSError("perf_event_open or its attachment failed")
        self._perf.append(perf_event)


@contextlib.contextmanager
def _probe_errors(what: str) -> Iterator[None]:
    """Turns an OSError into a ProbeError."""
    try:
        yield
    except OSError as error:
        raise _refused(what, error, "") from None


@contextlib.contextmanager
def _library_errors(what: str) -> Iterator[None]:
    """The same, with what the library wrote about it."""
    with quiet() as output:
        try:
            yield
        except OSError as error:
            raise _refused(what, error, output()) from None


def _refused(what: str, error: OSError, output: str) -> ProbeError:
    return ProbeError(
        what,
        why="\n".join(filter(None, (output.strip(), str(error)))),
        fix="report it with the output of `uname -a` and the version of bcc",
    )
