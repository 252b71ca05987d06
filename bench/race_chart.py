"""`python -m bench.race_chart FILE.svg`: one race with a fuse and one without, as a picture."""

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from bench.curve_svg import Curve, Level, picture
from bench.race import Races, watched
from bench.races import LIMIT, TEN_PERCENT_LEFT, race
from ebpftrace.units import MIB
from tests.support.cgroups import MemoryCgroup

EVERY_SECONDS = 0.001
_AFTER_SECONDS = 0.02  # what was freed is to be seen
_END_SECONDS = 10.0  # for a killed process to end
_BEGUN = 2 * MIB  # more than a waiting racer is charged for

_POLICY = """\
fuse = {{ bound = {bound} }}
then = [{{ action = "capture", folder = "{folder}/evidence" }}]
"""


class Samples:
    """The charge of a cgroup, each millisecond if the machine allows."""

    def __init__(self) -> None:
        self._taken: list[tuple[int, int]] = []

    @contextmanager
    def of(self, cgroup: MemoryCgroup, _pid: int) -> Iterator[None]:
        """Take samples while the context is open."""
        finished = threading.Event()

        def sample() -> None:
            while not finished.wait(EVERY_SECONDS):
                self._taken.append((time.monotonic_ns(), cgroup.charge_bytes()))

        thread = threading.Thread(target=sample)
        thread.start()
        try:
            yield
            deadline = time.monotonic() + _END_SECONDS
            while cgroup.pids() and time.monotonic() < deadline:
                time.sleep(EVERY_SECONDS)
            time.sleep(_AFTER_SECONDS)
        finally:
            finished.set()
            thread.join()

    def points(self) -> tuple[tuple[float, float], ...]:
        """Milliseconds since it began to grow, and MiB."""
        first = next(i for i, (_ns, charge) in enumerate(self._taken) if charge > _BEGUN)
        began, _charge = self._taken[max(0, first - 1)]
        taken = self._taken[max(0, first - 1) :]
        level = (
            0 < i < len(taken) - 1 and taken[i - 1][1] == charge == taken[i + 1][1]
            for i, (_ns, charge) in enumerate(taken)
        )
        kept = (one for one, between in zip(taken, level, strict=True) if not between)
        return tuple(((ns - began) / 1e6, charge / MIB) for ns, charge in kept)


def sampled(run: Races) -> tuple[tuple[float, float], ...]:
    """The points of one such race."""
    samples = Samples()
    run("touch", guarding=samples.of)
    return samples.points()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def main(file: Path) -> None:
    """Race twice, and draw what the cgroup was charged for. Needs what the benches need."""
    with (
        tempfile.TemporaryDirectory(prefix="ebpftrace-") as folder,
        watched(_POLICY)(Path(folder), TEN_PERCENT_LEFT) as run,
    ):
        fused = sampled(run)
    alone = sampled(race)
    file.write_text(
        picture(
            "A process that grows as fast as it can, in a cgroup with a limit",
            (Curve("without: the OOM killer", alone, "lost"),
             Curve("with a fuse: it is stopped, its evidence is saved, then it is ended", fused,
                   "won")),
            (Level(f"limit {LIMIT // MIB} MiB", LIMIT / MIB),
             Level(f"fuse {TEN_PERCENT_LEFT // MIB} MiB", TEN_PERCENT_LEFT / MIB)),
        ), encoding="utf-8"
    )  # fmt: skip


if __name__ == "__main__":
    main()
