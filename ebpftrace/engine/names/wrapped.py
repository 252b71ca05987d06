"""Programs that are watched by name, but run under another: a shim starts the real one.

Nix installs a shim `gopls` that runs `.gopls-wrapped`; other packages call the real program
`gopls.bin` or `gopls-real`. A watch of gopls shows the shim's few megabytes, and is silent on
the rest. A remark says so once, with the remedy.
"""

import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from ebpftrace.descriptors import with_spares
from ebpftrace.errors import NotPermittedError
from ebpftrace.events import ProcessKey, ProcessStarted
from ebpftrace.host.children import descendants
from ebpftrace.host.proc import PROC, read_comm, read_program
from ebpftrace.probe import Selection
from ebpftrace.process_names import cut_name, matches_any

_FORMS = (
    ".{}-wrapped", ".{}-wrapped_", "{}-wrapped", "{}.wrapped", ".{}-unwrapped", "{}-unwrapped",
    "{}.bin", "{}-bin", "{}.real", "{}-real", "{}.orig", "{}-orig", "{}.distrib",
)  # fmt: skip
"""Nix's makeWrapper, then what other packages and administrators (dpkg-divert) do."""

_LOOKS = 2  # at a process's children: a shim may need a moment
_MOST_LOOKS = 32  # for one name
_MOST_AT_ONCE = 16
_MOST_READS = 512
"""Of files of /proc in one look, each 10 us: it is the engine's thread that looks."""


class WrappedPrograms:
    """Finds them: when a watch begins, below a watched process, and where it becomes one."""

    def __init__(self, selection: Selection, proc: Path = PROC) -> None:
        self._selection = selection
        self._proc = proc
        plain = (comm for comm in selection.comms if not set(comm) & set("*?["))
        # By their name as the kernel keeps it: the shim's name, and the whole names.
        self._wrapped: dict[str, tuple[str, set[str]]] = {}
        for name in plain:
            for whole in (form.format(name) for form in _FORMS):
                if not matches_any(selection.comms, (cut_name(whole),)):
                    found = self._wrapped.setdefault(cut_name(whole), (cut_name(name), set()))
                    found[1].add(whole)
        if selection.children:
            self._wrapped.clear()  # whatever a watched process starts is watched
        self._names = {name for name, _ in self._wrapped.values()}
        self._pending: deque[tuple[ProcessKey, str, int]] = deque()
        self._looks: Counter[str] = Counter()
        self._unseen = self._running()
        self._remarks: dict[str, str] = {}
        self._reported: set[str] = set()

    def started(self, event: ProcessStarted) -> None:
        """A process is watched from here on; `look` looks at its children."""
        name = next((it for it in (event.comm, event.exec_name) if it in self._names), "")
        if name and self._looks[name] < _MOST_LOOKS:
            self._looks[name] += _LOOKS
            self._pending.append((event.key, name, _LOOKS))

    def executed(self, pid: int) -> None:
        """A watched process became a program that is not watched: perhaps the real one."""
        if self._wrapped:
            self._check(pid)

    def look(self) -> None:
        """Look at the children of what started since, and at some more of all processes.

        The first looks together see every process that runs when the watch begins.
        """
        if not self._wrapped:
            return
        for pid in islice(self._unseen, _MOST_READS):
            self._check(pid)
        at_once = min(len(self._pending), _MOST_AT_ONCE)
        if not at_once:
            return
        looked = [self._pending.popleft() for _ in range(at_once)]
        # In one call: where the kernel lists no children, each reads all processes.
        keys = [key for key, _, _ in looked]
        for child in descendants(keys, self._proc, most_reads=_MOST_READS):
            self._check(child.pid, child.comm)
        self._pending += [(key, name, looks - 1) for key, name, looks in looked if looks > 1]

    def take_remarks(self) -> Iterable[str]:
        """What the user should know, each once."""
        remarks, self._remarks = self._remarks, {}
        return remarks.values()

    def _running(self) -> Iterator[int]:
        """The pids of all processes; the list of them is read as far as it is asked for."""
        with with_spares(lambda: os.scandir(self._proc)) as entries:
            for entry in entries:
                if entry.name.isdigit():
                    yield int(entry.name)

    def _check(self, pid: int, comm: str | None = None) -> None:
        comm = read_comm(pid, self._proc) if comm is None else comm
        if comm is None or comm not in self._wrapped or comm in self._reported:
            return
        name, whole = self._wrapped[comm]
        if comm not in whole and not self._is_file(pid, whole):
            return
        self._reported.add(comm)
        self._remarks[comm] = (
            f"{comm} {pid} is the program behind {name}, which is a shim, and it is not "
            f"watched: add --comm {comm}; in a policy, comm = [{name!r}, {comm!r}]"
        ).replace("'", '"')

    def _is_file(self, pid: int, whole: set[str]) -> bool:
        try:
            return (read_program(pid, self._proc) or "").rpartition("/")[2] in whole
        except NotPermittedError:
            return False
