"""What was freed lazily does not count as held by a process at a breach."""

from dataclasses import replace

import pytest

from ebpftrace.act.breaker import lazily_freed as module
from ebpftrace.act.breaker.lazily_freed import lazily_freed, spared
from ebpftrace.judge.finding import FindingUnit
from ebpftrace.units import MIB
from tests.support import watches


@pytest.fixture
def freed(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """MiB that each process freed lazily, by pid."""
    found: dict[int, int] = {}
    monkeypatch.setattr(module, "lazy_free_bytes", lambda pid: found.get(pid, 0) * MIB)
    return found


def test_it_is_read_where_the_cgroup_shows_some(freed: dict[int, int]) -> None:
    freed[4711], freed[4712] = 150, 3
    job = watches.job(
        processes=[watches.process(4711, 300 * MIB), watches.process(4712, 200 * MIB)]
    )
    assert job.cgroup.contents is not None
    assert lazily_freed(job) == {}
    contents = job.cgroup.contents._replace(lazy_bytes=153 * MIB)
    shown = replace(job, cgroup=job.cgroup._replace(contents=contents))
    assert lazily_freed(shown) == {job.processes[0].key: 150 * MIB}
    unread = replace(job, cgroup=job.cgroup._replace(contents=None))
    assert lazily_freed(unread) == {job.processes[0].key: 150 * MIB}


@pytest.mark.parametrize(
    ("mib", "gain", "unit", "is_spared"),
    [
        (150, False, FindingUnit.BYTES, True),
        (50, False, FindingUnit.BYTES, False),  # enough is held without it
        (3, False, FindingUnit.BYTES, False),
        (150, True, FindingUnit.BYTES, True),
        (50, True, FindingUnit.BYTES, False),
        (150, False, FindingUnit.SHARE, False),  # of the limit, where it is room already
    ],
)
def test_a_process_that_holds_too_little_without_it_is_spared(
    freed: dict[int, int], mib: int, gain: bool, unit: FindingUnit, is_spared: bool
) -> None:
    process = watches.process(4711, 300 * MIB)
    freed[4711] = mib
    held = process.own.held_bytes
    finding = watches.finding()._replace(
        measured=held, bound=200 * MIB, unit=unit, measures_gain=gain
    )
    reason = spared(finding, process)
    assert reason == ("gopls 4711 freed 150 MiB of its 281 MiB lazily" if is_spared else "")
