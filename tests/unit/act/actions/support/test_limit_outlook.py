"""Whether the limit is reached within a second, by the files of a cgroup."""

from pathlib import Path

import pytest

from ebpftrace.act.actions.support.limit_outlook import LimitOutlook
from ebpftrace.units import MIB, NS_PER_SECOND

LIMIT = 300 * MIB


def write(folder: Path, anon: int, cache: int = 0, *, v1: bool = True, kernel: int = 0) -> None:
    charge = f"{(anon + cache + kernel) * MIB}\n"
    if v1:
        (folder / "memory.usage_in_bytes").write_text(charge)
        stat = f"total_rss {anon * MIB}\ntotal_shmem 0\ntotal_cache {cache * MIB}\n"
    else:
        (folder / "memory.current").write_text(charge)
        stat = f"anon {anon * MIB}\nshmem 0\nfile {cache * MIB}\n"
    (folder / "memory.stat").write_text(stat)


def limited(folder: Path, name: str, limit: int, *, v1: bool = True) -> Path:
    """A cgroup with a limit below the one in `folder`."""
    made = folder / name
    made.mkdir()
    (made / "cgroup.procs").touch()
    (made / ("memory.limit_in_bytes" if v1 else "memory.max")).write_text(f"{limit * MIB}\n")
    return made


@pytest.mark.parametrize("v1", [True, False], ids=["v1", "v2"])
@pytest.mark.parametrize("above", [1, 3])
@pytest.mark.parametrize(("siblings", "expected"), [(0, False), (110, True)])
def test_a_limit_above_may_be_the_nearest(
    tmp_path: Path, siblings: int, expected: bool, above: int, v1: bool
) -> None:
    """The job holds 120 of 300 MiB; the node of 240 has what its siblings hold beside it."""
    node = folder = limited(tmp_path, "node", 240, v1=v1)
    for level in range(above):
        folder = limited(folder, f"level{level}", 300, v1=v1)
    outlook = LimitOutlook(folder, LIMIT)
    found = False
    for step in range(4):
        for path in (folder, *folder.parents[: above - 1]):
            write(path, 120 + 2 * step, v1=v1)
        write(node, 120 + 2 * step + siblings, v1=v1)
        found = outlook.is_near(round(step * 0.1 * NS_PER_SECOND))
    assert found is expected


def test_what_a_sibling_takes_of_a_limit_above_counts_too(tmp_path: Path) -> None:
    """The process with the signal does not grow, and would be killed all the same."""
    node = limited(tmp_path, "node", 240)
    folder = limited(node, "job", 300)
    outlook = LimitOutlook(folder, LIMIT)
    for step in range(4):
        write(folder, 120)
        write(node, 226 + 2 * step)
        found = outlook.is_near(round(step * 0.1 * NS_PER_SECOND))
    assert found


def test_a_limit_that_no_file_shows_is_the_cgroups_own(tmp_path: Path) -> None:
    folder = limited(tmp_path, "job", 1 << 30)
    outlook = LimitOutlook(folder, LIMIT)
    for step in range(4):
        write(folder, 276 + 2 * step)
        found = outlook.is_near(round(step * 0.1 * NS_PER_SECOND))
    assert found


def near(folder: Path, levels: list[int], every: float = 0.1, **kinds: int | bool) -> bool:
    """The last of these looks."""
    outlook = LimitOutlook(folder, LIMIT)
    found = False
    for number, anon in enumerate(levels):
        write(folder, anon, **kinds)  # type: ignore[arg-type]
        found = outlook.is_near(round(number * every * NS_PER_SECOND))
    return found


@pytest.mark.parametrize("v1", [True, False], ids=["v1", "v2"])
@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([180, 182, 184, 186], False),  # 20 MiB a second: five seconds and more
        ([276, 278, 280, 282], True),
        ([290, 290, 290, 290], False),  # at rest
        ([296, 294, 292, 290], False),  # it gives back
        ([100, 290], False),  # a tenth of a second says nothing
        ([300, 300, 300, 300], False),
        ([100, 150, 200, 299], True),
        ([100, 200, 290, *[290] * 11], False),  # at rest for a second
    ],
)
def test_the_rate_of_the_last_second_decides(
    tmp_path: Path, levels: list[int], expected: bool, v1: bool
) -> None:
    assert near(tmp_path, levels, v1=v1) is expected


def test_page_cache_is_room_and_kernel_memory_is_not(tmp_path: Path) -> None:
    levels = [150, 152, 154, 156]
    assert not near(tmp_path, levels, cache=140)
    assert near(tmp_path, [200, 202, 204, 206], kernel=75)


def test_without_a_limit_or_a_cgroup_nothing_is_known(tmp_path: Path) -> None:
    for outlook in (LimitOutlook(None, LIMIT), LimitOutlook(tmp_path, None)):
        assert not outlook.is_known
        assert not outlook.is_near(0)
    gone = LimitOutlook(tmp_path / "gone", LIMIT)
    assert gone.is_known
    assert not gone.is_near(0)
