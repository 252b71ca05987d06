"""What a fuse costs in addition to the watch, for watched and for other processes."""

import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

from bench.figures import Row, Table
from bench.observers import Observer, ebpftrace, running
from bench.scale import Scale
from bench.storms import ALONE, one_storm
from ebpftrace.events import FuseScope

_COMMS = {"ebpftrace watching it": "storm-*", "ebpftrace watching others": "ebpftrace-bench"}
_FAR = "100GiB"
"""A bound that is compared at every page and never reached."""

_FUSE = """\
[[policy]]
name = "fuse"
fuse = {{ bound = "{bound}", of = "{of}" }}
"""


def measure(scale: Scale) -> Iterator[Table]:
    """Nanoseconds to touch a page, under each watch in turn, round by round."""
    samples: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="ebpftrace-") as folder:
        watches = {label: _watches(label, comm, Path(folder)) for label, comm in _COMMS.items()}
        every: dict[str, Observer | None] = {ALONE: None}
        every |= {one.label: one for made in watches.values() for one in made}
        for number in range(scale.storm_rounds):
            turn = list(every.items())
            for label, observer in turn if number % 2 == 0 else turn[::-1]:
                with running(observer) if observer else nullcontext():
                    ns = one_storm(scale.storm_ms)["touch"]
                samples.setdefault(label, []).append(ns)
    for against, made in watches.items():
        labels = (ALONE, *(one.label for one in made))
        rows = tuple(Row(label, tuple(samples[label])) for label in labels)
        title = f"first touch of a page, {scale.storm_rounds} rounds"
        yield Table("fuse-cost", title, "ns", rows, against=against)


def _watches(label: str, comm: str, folder: Path) -> list[Observer]:
    """Without a policy, with one, and with a fuse of each kind."""
    audit = ("--audit", str(folder / "audit.jsonl"))
    short = label.removeprefix("ebpftrace watching ")
    made = [
        ebpftrace(label, "--comm", comm),
        ebpftrace(f"… {short}, with --level", "--comm", comm, "--level", _FAR, *audit),
    ]
    for of in FuseScope:
        file = folder / f"{short}-{of}.toml"
        file.write_text(_FUSE.format(bound=_FAR, of=of))
        options = ("--comm", comm, "--config", str(file), *audit)
        made.append(ebpftrace(f"… {short}, with a fuse of the {of}", *options))
    return made
