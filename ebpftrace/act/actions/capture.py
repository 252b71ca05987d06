"""capture: save the evidence of an incident in a directory, before a process is ended.

All is read first that a step may change, and the next step starts. Beside it the directory is
written under a hidden name, renamed once it is complete, and synced; what ends the process
waits for that. `manifest.json` lists every part with its size, so that a part that a power cut
left incomplete is noticed, and what failed and why. Environments are not saved: they hold
secrets.
"""

import contextlib
import json
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock
from typing import Annotated

from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.actions.support.background import Background
from ebpftrace.act.actions.support.evidence import Part, parts_of
from ebpftrace.act.actions.support.evidence_folder import (
    require_trusted,
    sync_files,
    sync_folder,
)
from ebpftrace.act.actions.support.first_turn import (
    FirstTurn,
    inherited_priority,
    is_real_time,
)
from ebpftrace.act.actions.support.running import Ended, Read, Running
from ebpftrace.act.actions.support.saving import MANIFEST, Saving
from ebpftrace.act.actions.support.surplus import Kept, surplus
from ebpftrace.act.actions.support.unwritten import unwritten
from ebpftrace.act.incident.incident import Incident, facts
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.text import clean
from ebpftrace.trusted.rules import owner_reason
from ebpftrace.units import KIB, MIB, NS_PER_SECOND, format_bytes

_PARTIAL = ".partial"
_STALE_SECONDS = 600.0
_pruning = Lock()  # two captures at once would together remove too much
_MANIFEST_READ = 256 * KIB


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """The options of one step."""

    folder: Annotated[Path, "where the directories of evidence are made"] = Path(
        "/var/lib/ebpftrace/incidents"
    )
    size_bytes: Annotated[int, "bytes", "how large one of them may be"] = 16 * MIB
    keep: Annotated[
        int, "how many are kept; the oldest go first, of a job with more than a quarter its own"
    ] = 20
    wait: Annotated[
        bool, "whether the next step waits until the evidence is complete and on the disk"
    ] = False

    def __post_init__(self) -> None:
        if not self.keep:
            raise ValueError("keep is 0: nothing would be kept")


def start(incident: Incident, options: CaptureOptions) -> Running:
    """Runs on a thread: reading smaps waits for a lock of the process."""
    return _Capturing(incident, options)


class _Capturing(Background):
    """Reports that the evidence is read, before it has ended; unless the next step waits."""

    def __init__(self, incident: Incident, options: CaptureOptions) -> None:
        self._read: Read | None = None
        wanted = is_real_time()  # this thread, which waits for the evidence

        def work(cancelled: Event) -> Ended:
            turn = FirstTurn(wanted)

            def read(folder: Path) -> None:
                if not options.wait:
                    self._report(folder)
                    turn.give_way()

            return capture(incident, options, cancelled, read=read, turn=turn)

        with inherited_priority():
            super().__init__("capture", incident.target, work)

    def poll(self, now_ns: int) -> Ended | Read | None:
        ended = super().poll(now_ns)
        read, self._read = self._read, None
        return ended or read

    def _report(self, folder: Path) -> None:
        self._read = Read(folder)
        self.wake()


def capture(
    incident: Incident,
    options: CaptureOptions,
    cancelled: Event,
    parts: Callable[[Incident], Iterator[Part]] = parts_of,
    read: Callable[[Path], None] = lambda _folder: None,
    turn: FirstTurn | None = None,
) -> Ended:
    """Save all parts that can be read. OSError if the directory cannot be written.

    UntrustedError if another user could replace it. `read` is called with the name of the
    directory once all is read that a step may change; the directory is there once it is
    complete. Once `cancelled` is set, no more parts are read, and the manifest says so.
    """
    turn = turn or FirstTurn(False)
    require_trusted(options.folder)  # what others cannot change may be written by its path
    folder = options.folder / incident.id
    saving = Saving(folder, options.folder / f".{incident.id}{_PARTIAL}", options.size_bytes)
    try:
        saving.read(turn.during(parts(incident)), cancelled)
        complete = not cancelled.is_set()
        with unwritten():
            read(folder)
            about = {"schema": 1, "complete": complete, "facts": facts(incident)}
            saving.write(turn, about)
    except BaseException:
        saving.abandon()
        raise
    turn.end()
    sync_files(folder)
    sync_folder(options.folder)
    with contextlib.suppress(OSError), _pruning:  # the evidence is saved all the same
        _prune(options.folder, options.keep, folder)
    whole = [part for part in saving.entries if part["error"] is None]
    size = format_bytes(sum(part["bytes"] for part in whole))
    failed = len(saving.entries) - len(whole)
    detail = f"{len(whole)} files, {size}" + (f", {failed} failed" if failed else "")
    return Ended(StepStatus.DONE, f"{detail}, in {clean(os.fsencode(folder))}", evidence=folder)


def _prune(folder: Path, keep: int, newest: Path) -> None:
    """Remove surplus evidence, and partial directories that a crash left.

    Names sort by Unix time, a clock that may be set back, so `newest` is exempt by name.
    """
    complete: list[Path] = []
    for entry in folder.iterdir():
        status = entry.lstat()
        if not stat.S_ISDIR(status.st_mode) or owner_reason(status):
            continue  # in a folder like /tmp others may make what looks like evidence
        if entry.name.startswith(".") and entry.name.endswith(_PARTIAL):
            if time.time() - entry.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(entry, ignore_errors=True)
        elif (entry / MANIFEST).is_file():
            complete.append(entry)
    if len(complete) > keep:
        for each in surplus(list(map(_kept, complete)), keep, newest.name):
            shutil.rmtree(folder / each.name, ignore_errors=True)


def _kept(folder: Path) -> Kept:
    """Of which job the evidence in a directory is."""
    try:
        with (folder / MANIFEST).open("rb") as file:
            about = json.loads(file.read(_MANIFEST_READ))["facts"]
        return Kept(folder.name, str(about["cgroup"]), str(about["job_key"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return Kept(folder.name, "", "")


ACTION = Action(
    name="capture",
    options=CaptureOptions,
    doc="save the evidence: smaps, cgroup files, children, the last minutes",
    timeout_ns=5 * NS_PER_SECOND,
    start=start,
    prepare=None,
    concurrent=False,
    after_outcome=False,
    informational=True,
    temporary=False,
    spends_budget=False,
    saves_evidence=True,
    awaits_evidence=False,
)
