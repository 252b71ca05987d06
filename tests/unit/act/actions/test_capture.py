"""capture: directories that are complete once they have their final name."""

import json
import os
import select
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.act.actions import capture as saving
from ebpftrace.act.actions.capture import CaptureOptions, capture
from ebpftrace.act.actions.support.evidence import Part
from ebpftrace.act.actions.support.running import Ended, Read
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from tests.support.incidents import drive, incident


def broken(_limit: int) -> bytes:
    raise OSError(2, "No such file or directory")


PARTS = [
    Part("small", lambda limit: b"123"[:limit]),
    Part("broken", broken),
    Part("large", lambda limit: b"x" * limit, limit_bytes=8),
    Part("last", lambda limit: b"y" * limit),
]


def parts(_about: Incident) -> Iterator[Part]:
    yield from PARTS


def captured(folder: Path, **changes: Any) -> tuple[Path, dict[str, Any]]:
    options = CaptureOptions(folder, **({"size_bytes": 20} | changes))
    about = incident(id=changes.pop("id", "20261123T120007Z-4711-aaaaaa"))
    ended = capture(about, options, threading.Event(), parts)
    assert ended.status is StepStatus.DONE
    assert ended.evidence == folder / about.id
    return ended.evidence, json.loads((ended.evidence / "manifest.json").read_bytes())


def test_failed_part_costs_no_other_part(tmp_path: Path) -> None:
    folder, manifest = captured(tmp_path)
    errors = {part["name"]: part["error"] for part in manifest["parts"]}
    assert errors.pop("broken").endswith("No such file or directory")
    assert set(errors.values()) == {None}
    assert {file.name for file in folder.iterdir()} == {*errors, "manifest.json"}
    assert manifest["complete"]
    assert manifest["facts"]["pid"] == 4711


def test_part_and_directory_are_bounded(tmp_path: Path) -> None:
    folder, manifest = captured(tmp_path)
    sizes = {part["name"]: (part["bytes"], part["cut"]) for part in manifest["parts"]}
    assert sizes["small"] == (3, False)
    assert sizes["large"] == (8, True)
    assert sizes["last"] == (9, True)  # what is left of 20 bytes
    assert (folder / "large").read_bytes() == b"x" * 8


def test_cancelled_capture_says_that_it_is_not_complete(tmp_path: Path) -> None:
    cancelled = threading.Event()
    cancelled.set()
    ended = capture(incident(), CaptureOptions(tmp_path), cancelled, parts)
    assert ended.evidence is not None
    manifest = json.loads((ended.evidence / "manifest.json").read_bytes())
    assert (manifest["complete"], manifest["parts"]) == (False, [])


def test_oldest_directories_and_stale_partial_ones_are_removed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    stale, young = tmp_path / ".a.partial", tmp_path / ".b.partial"
    for partial in (stale, young):
        partial.mkdir()
    os.utime(stale, (1, 1))
    for second in range(4):
        about = incident(id=f"20261123T12000{second}Z-4711-aaaaaa")
        capture(about, CaptureOptions(tmp_path, keep=2), threading.Event(), parts)
    kept = {f"20261123T12000{second}Z-4711-aaaaaa" for second in (2, 3)}
    assert {entry.name for entry in tmp_path.iterdir()} == {"other", young.name, *kept}


def test_evidence_of_other_jobs_is_kept_while_one_fills_the_folder(tmp_path: Path) -> None:
    def save(second: int, cgroup: str, job: str) -> None:
        about = incident(id=f"20261123T1200{second:02}Z-4711-aaaaaa")
        about = replace(
            about,
            job=about.job._replace(key=job),
            target=replace(about.target, cgroup=cgroup),
        )
        capture(about, CaptureOptions(tmp_path, keep=3), threading.Event(), parts)

    save(0, "/ci/victim", "victim")
    (tmp_path / "20261123T115959Z-1-bbbbbb").mkdir()
    (tmp_path / "20261123T115959Z-1-bbbbbb/manifest.json").write_text("not JSON")
    for second in range(1, 20):
        save(second, f"/ci/loud/{second}", f"loud-{second}")
    names = {entry.name for entry in tmp_path.iterdir()}
    assert "20261123T120000Z-4711-aaaaaa" in names
    assert "20261123T120019Z-4711-aaaaaa" in names
    assert len(names) == 3


def test_all_but_later_parts_are_read_before_the_next_step_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    asked: list[str] = []

    def noted(name: str, later: bool) -> Part:
        def read(_limit: int) -> bytes:
            asked.append(name)
            return b"123"

        return Part(name, read, later=later)

    def noted_parts(_about: Incident) -> Iterator[Part]:
        yield noted("late", later=True)
        yield noted("soon", later=False)

    def read(folder: Path) -> None:
        assert folder == tmp_path / about.id
        assert list(tmp_path.iterdir()) == []
        asked.append("next step")

    about, options = incident(), CaptureOptions(tmp_path)
    ended = capture(about, options, threading.Event(), noted_parts, read)
    assert asked == ["soon", "next step", "late"]
    assert ended.evidence is not None
    manifest = json.loads((ended.evidence / "manifest.json").read_bytes())
    assert [part["name"] for part in manifest["parts"]] == ["late", "soon"]
    assert (ended.evidence / "soon").read_bytes() == b"123"


def test_directory_has_its_name_once_every_file_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rename(hidden: Path, folder: Path, move: Callable[[Path, Path], Path]) -> Path:
        manifest = json.loads((hidden / "manifest.json").read_bytes())
        sizes = {part["name"]: part["bytes"] for part in manifest["parts"] if not part["error"]}
        assert sizes == {file.name: file.stat().st_size for file in hidden.iterdir()
                         if file.name != "manifest.json"}  # fmt: skip
        assert manifest["complete"]
        return move(hidden, folder)

    move = Path.rename
    monkeypatch.setattr(Path, "rename", lambda hidden, folder: rename(hidden, folder, move))
    folder, _ = captured(tmp_path)
    assert (folder / "manifest.json").read_bytes().endswith(b"}\n")


def test_where_the_next_step_waits_only_the_end_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    monkeypatch.setattr(saving, "sync_files", lambda _folder: steps.append("synced"))
    running = saving.start(incident(), CaptureOptions(tmp_path, wait=True))
    select.select(running.fds, [], [])
    ended = running.poll(0)
    running.stop()
    assert steps == ["synced"]
    assert isinstance(ended, Ended)
    assert ended.evidence is not None
    assert (ended.evidence / "manifest.json").exists()


def test_failing_capture_removes_nothing_of_another(tmp_path: Path) -> None:
    about, options = incident(), CaptureOptions(tmp_path)
    hidden = tmp_path / f".{about.id}.partial"
    hidden.mkdir()
    with pytest.raises(FileExistsError):
        capture(about, options, threading.Event(), parts)
    assert hidden.is_dir()


def test_capture_is_over_once_its_evidence_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = threading.Event()
    monkeypatch.setattr(saving, "sync_files", lambda _folder: synced.wait())
    about = incident()
    running = saving.start(about, CaptureOptions(tmp_path))
    read = None
    while read is None:
        select.select(running.fds, [], [])
        read = running.poll(0)
    assert read == Read(tmp_path / about.id)
    assert running.poll(0) is None
    synced.set()
    assert drive(running).evidence == read.evidence
    running.stop()


def test_failed_capture_leaves_nothing(tmp_path: Path) -> None:
    def interrupted(_about: Incident) -> Iterator[Part]:
        yield PARTS[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        capture(incident(), CaptureOptions(tmp_path), threading.Event(), interrupted)
    assert list(tmp_path.iterdir()) == []


def test_keeping_no_directory_is_refused() -> None:
    with pytest.raises(ValueError, match="keep is 0"):
        CaptureOptions(keep=0)
