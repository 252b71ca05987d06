"""How the judge speaks."""

import pytest

from ebpftrace.judge import words
from ebpftrace.units import GIB, MIB
from tests.support import watches


def test_sizes_and_times() -> None:
    assert words.size(2 * GIB) == "2 GiB"
    assert words.size(312.4 * MIB) == "312 MiB"
    assert words.size(1.5 * GIB) == "1.5 GiB"
    text = [words.seconds(number) for number in (0.4, 9, 71.2, 720, 12600)]
    assert text == ["0.4 s", "9 s", "71 s", "12 min", "3.5 h"]


def test_what_is_ahead() -> None:
    def ahead(seconds: float | None, limit: int | None = GIB) -> str:
        return words.ahead(limit, watches.trend(MIB, seconds))

    assert ahead(5, limit=None) == ahead(None) == ""
    assert ahead(71) == "; at this rate the limit of 1 GiB is 71 s away"
    soon = "; at this rate the limit of 1 GiB is less than a second away"
    assert ahead(0.3) == soon  # it has room left
    assert ahead(0) == "; the limit of 1 GiB is reached"


@pytest.mark.parametrize(
    ("sizes", "named"),
    [((512,), True), ((512, 100), True), ((512, 400), False), ((), False)],
)
def test_the_process_that_holds_most_is_named(sizes: tuple[int, ...], named: bool) -> None:
    job = watches.job(
        processes=[watches.process(4711 + n, mib * MIB) for n, mib in enumerate(sizes)]
    )
    text = "gopls 4711 in job github/build-42" if named else "job github/build-42"
    assert words.label(job) == text
