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
