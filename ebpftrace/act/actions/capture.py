"""capture: save the evidence of an incident in a directory, before a process is ended.

The directory is written under a hidden name and renamed once it is complete: hooks may
read it then, while it is synced. `manifest.json` lists every part with its size, so that
a part that a power cut left incomplete is noticed, and what failed and why. Environments are
not saved: they hold secrets.
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
from typing import Annotated, Any

from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.actions.support.background import Background
from ebpftrace.act.actions.support.evidence import Part, parts_of
from ebpftrace.act.actions.support.evidence_folder import (
    require_trusted,
    sync_files,
    sync_folder,
    write_file,
)
from ebpftrace.act.actions.support.first_turn import (
    FirstTurn,
    inherited_priority,
    is_real_time,
)
from ebpftrace.act.actions.support.running import Ended, Running, Written
from ebpftrace.act.actions.support.surplus import Kept, surplus
from ebpftrace.act.incident.incident import Incident, facts
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.text import clean
from ebpftrace.trusted.rules import owner_reason
from ebpftrace.units import KIB, MIB, NS_PER_SECOND, format_bytes

MANIFEST = "manifest.json"
_PARTIAL = ".partial"
_STALE_SECONDS = 600.0
_pruning = Lock()  # two captures at once would together remove too much
_ENCODER = json.JSONEncoder()  # of C: with an indent it would be the slow one, of Python
_MANIFEST_SIZE = 32 * KIB  # more than it takes with an error for each part
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

    def __post_init__(self) -> None:
        if not self.keep:
            raise ValueError("keep is 0: nothing would be kept")


def start(incident: Incident, options: CaptureOptions) -> Running:
    """Runs on a thread: reading smaps waits for a lock of the process."""
    return _Capturing(incident, options)


class _Capturing(Background):
    """Reports that the evidence is written, before it has ended."""

    def __init__(self, incident: Incident, options: CaptureOptions) -> None:
        self._written: Written | None = None
        wanted = is_real_time()  # this thread, which waits for the evidence

        def work(cancelled: Event) -> Ended:
            turn = FirstTurn(wanted)

            def written(folder: Path) -> None:
                self._report(folder)
                turn.hand_over()

            def parts(of: Incident) -> Iterator[Part]:
                return turn.during(parts_of(of))

            return capture(incident, options, cancelled, parts, written)

        with inherited_priority():
            super().__init__("capture", work)

    def poll(self, now_ns: int) -> Ended | Written | None:
        ended = super().poll(now_ns)
        written, self._written = self._written, None
        return ended or written

    def _report(self, folder: Path) -> None:
        self._written = Written(folder)
        self.wake()


def capture(
    incident: Incident,
    options: CaptureOptions,
    cancelled: Event,
    parts: Callable[[Incident], Iterator[Part]] = parts_of,
    written: Callable[[Path], None] = lambda _folder: None,
) -> Ended:
    """Save all parts that can be read. OSError if the directory cannot be written.

    UntrustedError if another user could replace it. `written` is called with the directory
    once it is complete, before it is synced. Once `cancelled` is set, no more parts are
    saved, and the manifest says so.
    """
    require_trusted(options.folder)  # what others cannot change may be written by its path
    folder = options.folder / incident.id
    partial = options.folder / f".{incident.id}{_PARTIAL}"
    partial.mkdir(mode=0o700)
    try:
        with (partial / MANIFEST).open("xb") as file:
            # Its space is allocated first: on a full disk parts fail, not the manifest.
            os.posix_fallocate(file.fileno(), 0, _MANIFEST_SIZE)
            saved = _save(parts(incident), partial, options.size_bytes, cancelled)
            manifest = {
                "schema": 1,
                "complete": not cancelled.is_set(),
                "facts": facts(incident),
                "parts": saved,
            }
            text = _ENCODER.encode(manifest).encode() + b"\n"
            file.write(text.ljust(_MANIFEST_SIZE))  # JSON as well; it is cut below
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    written(folder)
    os.truncate(folder / MANIFEST, len(text))  # which a hook need not wait for
    sync_files(folder)
    sync_folder(options.folder)
    with contextlib.suppress(OSError), _pruning:  # the evidence is saved all the same
        _prune(options.folder, options.keep, folder)
    whole = [part for part in saved if part["error"] is None]
    size = format_bytes(sum(part["bytes"] for part in whole))
    failed = len(saved) - len(whole)
    detail = f"{len(whole)} files, {size}" + (f", {failed} failed" if failed else "")
    return Ended(StepStatus.DONE, f"{detail}, in {clean(os.fsencode(folder))}", evidence=folder)


def _save(
    parts: Iterator[Part], folder: Path, size_bytes: int, cancelled: Event
) -> list[dict[str, Any]]:
    saved: list[dict[str, Any]] = []
    left_bytes = size_bytes
    for part in parts:
        if cancelled.is_set():
            break
        began = time.monotonic_ns()
        entry: dict[str, Any] = {"name": part.name, "bytes": 0, "cut": False, "error": None}
        try:
            limit = min(left_bytes, part.limit_bytes)
            raw = part.read(limit + 1)
            entry["cut"] = len(raw) > limit
            raw = raw[:limit]
            write_file(f"{folder}/{part.name}", raw)
            left_bytes -= len(raw)
            entry["bytes"] = len(raw)
        except Exception as error:
            # Whatever the error: a part that fails must not cost the others.
            entry["error"] = clean(f"{type(error).__name__}: {error}")
            (folder / part.name).unlink(missing_ok=True)
        entry["took_ns"] = time.monotonic_ns() - began
        saved.append(entry)
    return saved


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
    concurrent=False,
    after_outcome=False,
    informational=True,
    temporary=False,
    spends_budget=False,
    saves_evidence=True,
    awaits_evidence=False,
)
