"""Mapped files that do not fit into a limit are a thrash; a flood of page cache is none.

To the charge they look alike: both are at their limit, and so is what is read again and
again. What differs is which task waits for it.
"""

import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.judgement.commands import shell_command
from bench.judgement.record import run
from bench.judgement.workloads import Workload
from tests.support.build import CACHE
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.patience import patient
from tests.support.records import Ended, Record, Watch

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(patient(240))]

SECONDS = patient(40)  # with the writing of the files
LIMIT_MIB = 96
_FILE = "dd if=/dev/urandom of=FOLDER/big bs=1M count=200 2>/dev/null; "

THRASHING = Workload(
    "mapped-at-random", "thrash", LIMIT_MIB, SECONDS,
    shell_command(f"{_FILE} exec PYTHON PROGRAMS/mapped.py FOLDER/big 160 random 90"),
)  # fmt: skip
HEALTHY = (
    Workload("mapped-and-fits", "healthy", LIMIT_MIB, SECONDS,
             shell_command(f"{_FILE} exec PYTHON PROGRAMS/mapped.py FOLDER/big 60 random 90")),
    Workload("mapped-one-after-the-other", "healthy", LIMIT_MIB, SECONDS,
             shell_command(f"{_FILE} exec PYTHON PROGRAMS/mapped.py FOLDER/big 200 scan 90")),
    Workload("page-cache-flood", "healthy", LIMIT_MIB, SECONDS,
             shell_command("while :; do dd if=/dev/zero of=FOLDER/big bs=1M count=200 "
                           "2>/dev/null; cat FOLDER/big >/dev/null; done")),
)  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What the watch wrote, and the cgroup of each workload."""

    ended: Ended
    cgroups: dict[str, str]

    def found(self, name: str) -> list[Record]:
        """The findings of a workload that are more than a notice."""
        return [
            one
            for one in self.ended.of_type("finding")
            if one["job"]["cgroup"] == self.cgroups[name] and one["severity"] != "notice"
        ]

    def contents(self, name: str) -> list[Record]:
        return [
            job["contents"]
            for record in self.ended.of_type("snapshot")
            for job in record["jobs"]
            if job["cgroup"] == self.cgroups[name] and job["contents"]
        ]


@pytest.fixture(scope="module")
def seen() -> Iterator[Seen]:
    """All at once, beside one watch without a flag."""
    with ExitStack() as stack:
        groups = {
            one.name: stack.enter_context(memory_cgroup(limit=one.limit_mib << 20))
            for one in (THRASHING, *HEALTHY)
        }
        asked = [word for group in groups.values() for word in ("--cgroup", group.name)]
        with Watch(*asked, "--comm", "*", "--interval", "500ms") as watch:
            threads = [
                threading.Thread(target=_run, args=(one, groups[one.name]))
                for one in (THRASHING, *HEALTHY)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            ended = watch.stop()
        yield Seen(ended, {name: group.name for name, group in groups.items()})


def _run(workload: Workload, group: MemoryCgroup) -> None:
    CACHE.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=CACHE))  # on a disk: a file in tmpfs has no page cache
    try:
        run(workload, group, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_mapped_files_that_do_not_fit_are_found(seen: Seen) -> None:
    found = seen.found(THRASHING.name)
    # More than once where a busy disk leaves it without faults for a while.
    assert {one["detector"] for one in found if one["state"] == "begin"} == {"thrash"}
    assert "the files it has mapped do not fit" in found[0]["sentence"]
    assert (found[0]["unit"], found[0]["severity"]) == ("faults/s", "warning")
    assert found[0]["measured"] >= found[0]["bound"]


def test_nothing_grows_meanwhile(seen: Seen) -> None:
    sizes = [one["anon_bytes"] for one in seen.contents(THRASHING.name)]
    assert max(sizes) < 32 << 20


@pytest.mark.parametrize("one", HEALTHY, ids=lambda one: one.name)
def test_what_only_passes_through_is_none(seen: Seen, one: Workload) -> None:
    assert [record["sentence"] for record in seen.found(one.name)] == []
    assert seen.contents(one.name), "it was never seen"


def test_the_flood_was_one(seen: Seen) -> None:
    contents = seen.contents("page-cache-flood")
    assert contents[-1]["refaults"] > 100_000
    # Its file is removed in the end, and with it the page cache.
    assert max(one["cache_bytes"] for one in contents) > LIMIT_MIB << 19
