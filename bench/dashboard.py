"""What the dashboard's screen costs: 2,000 processes in 200 jobs, a new snapshot a frame."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.figures import Row, Table
from bench.scale import Scale
from ebpftrace.ledger import Snapshot
from ebpftrace.units import MIB, NS_PER_SECOND
from ebpftrace.views.dashboard.loop import FRAME_NS
from ebpftrace.views.dashboard.render.theme import make_theme
from ebpftrace.views.dashboard.session import DashboardSession
from ebpftrace.views.dashboard.terminal.painter import Painter
from tests.support import dashboards, watches

SIZES = ((80, 24), (200, 60))


def measure(scale: Scale) -> Iterator[Table]:
    """CPU time of drawing and writing, as a share of one core at the highest frame rate."""
    yield Table(
        "dashboard",
        "The dashboard's thread, 2,000 processes in 200 jobs, scrolling",
        "% of a core at 4 frames/s",
        tuple(
            Row(
                f"{width}×{height}, {what}",
                tuple(_share(width, height, keys, scale) for _ in range(scale.start_rounds)),
            )
            for width, height in SIZES
            for what, keys in (("as it is", ""), ("moving down a page", "\x06"))
        ),
        footnotes=("Every frame has a new snapshot in which every figure changed.",),
    )


def _share(width: int, height: int, keys: str, scale: Scale) -> float:
    session, painter = DashboardSession(make_theme("256")), Painter("256")
    snapshots = [_moved(dashboards.many(), number) for number in range(4)]
    started = watches.started()
    frames = max(8, scale.storm_ms // 5)
    with Path(os.devnull).open("wb", buffering=0) as sink:
        began = 0
        for number in range(frames + 1):
            if number == 1:  # the first frame is drawn only once
                began = time.thread_time_ns()
            shown = snapshots[number % 4]._replace(sequence=number)
            session.update(started, shown, [watches.process_note()])
            if keys:
                session.press("page down")
            lines = session.draw(width, height).lines
            sink.write(painter.paint(lines, width, height))
        spent = time.thread_time_ns() - began
    return 100 * spent / frames / FRAME_NS


def _moved(snapshot: Snapshot, number: int) -> Snapshot:
    """The same snapshot a second later, with other figures in every row."""
    more = number * 3 * MIB
    jobs = tuple(
        replace(
            job,
            usage=replace(job.usage, anon_bytes=job.usage.anon_bytes + more),
            processes=tuple(
                replace(
                    one,
                    counters=one.counters._replace(
                        usage=replace(
                            one.counters.usage,
                            anon_bytes=one.counters.usage.anon_bytes + more,
                        ),
                    ),
                )
                for one in job.processes
            ),
        )
        for job in snapshot.jobs
    )
    return snapshot._replace(jobs=jobs, time_ns=snapshot.time_ns + number * NS_PER_SECOND)
