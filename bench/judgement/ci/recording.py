"""A recording of a CI job, small enough to keep: JSON of columns, compressed by xz."""

import json
import lzma
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from bench.judgement.trace import Row, Trace

RECORDINGS = Path(__file__).parent / "recordings"
_SUFFIX = ".json.xz"


@dataclass(frozen=True, slots=True)
class Recording:
    """One run of a job: at which share of its peak the limit was, and how it ended.

    `run` counts the runs at one limit from 1 on, by the load beside them (see LOADS of the
    recorder); `most_kib` is the most that the kernel could not drop, sampled closer than the
    rows; `ended` is "ok", "failed" or "oom-killed".
    """

    job: str
    leaky: bool
    share: float
    run: int
    peak_kib: int
    limit_kib: int
    most_kib: int
    seconds: float
    ended: str
    held_out: bool
    rows: tuple[Row, ...]

    @property
    def name(self) -> str:
        return name_of(self.job, self.leaky, self.share, self.run)

    @property
    def trace(self) -> Trace:
        """The same as the rules of others take it. A leak begins with its job."""
        label = "leak" if self.leaky else "healthy"
        return Trace(self.name, label, self.job, 0.0, self.rows)


def name_of(job: str, leaky: bool, share: float, run: int) -> str:
    """`cargo-build-1.25-2`, and with a leak `cargo-build-leak-1.25-1`."""
    return f"{job}{'-leak' if leaky else ''}-{share:g}-{run}"


def path_of(name: str, folder: Path = RECORDINGS) -> Path:
    return folder / f"{name}{_SUFFIX}"


def save(recording: Recording, folder: Path = RECORDINGS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    head = {field.name: getattr(recording, field.name) for field in fields(Recording)}
    head["rows"] = _columns(recording.rows)
    path = path_of(recording.name, folder)
    packed = lzma.compress(json.dumps(head, separators=(",", ":")).encode(), preset=9)
    path.write_bytes(packed)
    return path


def load(path: Path) -> Recording:
    """ValueError, KeyError or lzma.LZMAError if it is no recording."""
    values: dict[str, Any] = json.loads(lzma.decompress(path.read_bytes()))
    values["rows"] = _rows(values["rows"])
    return Recording(**values)


def load_all(folder: Path = RECORDINGS) -> list[Recording]:
    """All that are kept, by name."""
    return [load(path) for path in sorted(folder.glob(f"*{_SUFFIX}"))]


def thinned(rows: Sequence[Row], most: int = 240) -> tuple[Row, ...]:
    """At most about so many moments: each second, third … one, and always the last."""
    moments = list(dict.fromkeys(row.t_ms for row in rows))
    step = -(-len(moments) // most) or 1
    kept = {*moments[::step], *moments[-1:]}
    return tuple(row for row in rows if row.t_ms in kept)


def _columns(rows: Iterable[Row]) -> dict[str, list[int]]:
    """Each column as differences, which compress to a third."""
    listed = list(rows)
    return {
        field.name: _differences([getattr(row, field.name) for row in listed])
        for field in fields(Row)
    }


def _differences(values: Sequence[int]) -> list[int]:
    return [now - before for before, now in zip([0, *values], values, strict=False)]


def _rows(columns: dict[str, list[int]]) -> tuple[Row, ...]:
    names = [field.name for field in fields(Row)]
    summed = [_sums(columns[name]) for name in names]
    return tuple(
        Row(**dict(zip(names, values, strict=True))) for values in zip(*summed, strict=True)
    )


def _sums(differences: Iterable[int]) -> list[int]:
    total, sums = 0, []
    for difference in differences:
        total += difference
        sums.append(total)
    return sums
