import pytest

from ebpftrace.counters import Usage
from ebpftrace.units import GIB, MIB
from ebpftrace.views.level import level
from tests.support import watches


@pytest.mark.parametrize(
    ("anon", "expected"), [(1400, "calm"), (1600, "raised"), (1850, "near"), (2100, "near")]
)
def test_the_level_follows_what_is_held(anon: int, expected: str) -> None:
    book = watches.counters(0, usage=Usage(anon_bytes=anon * MIB))
    assert level(watches.job(processes=[watches.process(book=book)])) == expected


def test_a_limit_full_of_page_cache_is_calm() -> None:
    cached = watches.job(processes=[watches.process()], cache=2 * GIB - 512 * MIB)
    assert cached.limit_share == 1.0
    assert level(cached) == "calm"


def test_a_minute_from_the_limit_is_raised() -> None:
    assert level(watches.job(processes=[watches.process()], seconds_to_limit=60)) == "raised"
    assert level(watches.job(processes=[watches.process()], seconds_to_limit=61)) == "calm"


def test_without_a_limit_there_is_no_level() -> None:
    free = watches.job(processes=[watches.process()], limit=None, seconds_to_limit=None)
    assert free.used_share is None
    assert level(free) == "calm"
