"""Each rule does what its source says, on a recording made by hand."""

import pytest

from bench.judgement.rivals import RIVALS
from bench.judgement.trace import Row, Trace

ROWS = 400
SECOND = 2  # rows


def recorded(charge: list[int], *, cache: int = 0, stalled: bool = False) -> Trace:
    """Charges in KiB of a limit of 1000, two a second."""
    rows = tuple(
        Row(
            t_ms=500 * n, job=0, anon=one, shmem=0, swap=0, file=0, charge=one, limit=1000,
            headroom=1000 - one, all_anon=one - cache, all_shmem=0, cache=cache, refaults=0,
            stalled_ms=450 * n if stalled else 0, stalls=0, hits=0, kills=0, processes=1,
        )
        for n, one in enumerate(charge)
    )  # fmt: skip
    return Trace("made", "healthy", "by hand", 0, rows)


CLIMB = [n * 1000 // ROWS for n in range(ROWS)]


@pytest.mark.parametrize(
    ("rule", "second"),
    [
        ("earlyoom: 10 % left", 180.5),
        ("85 % of the limit, every 15 s", 180.0),
        ("85 % without page cache, every 15 s", 180.0),
        ("shell guard: 80 %, every second", 161.0),
    ],
)
def test_levels_on_a_climb_to_the_limit(rule: str, second: float) -> None:
    assert RIVALS[rule](recorded(CLIMB)) == second


def test_levels_do_or_do_not_count_page_cache() -> None:
    flood = recorded([980] * ROWS, cache=900)
    called = [name for name, rule in RIVALS.items() if rule(flood) is not None]
    assert called == [
        "oomd: 1.25 x the moving average",  # its average begins at zero
        "85 % of the limit, every 15 s",
        "shell guard: 80 %, every second",
    ]


def test_a_regression_sees_megabytes_an_hour() -> None:
    rule = RIVALS["coroot: regression, 10 MB/h"]
    assert rule(recorded([500] * ROWS)) is None
    # 1000 KiB in 200 s are 17 MiB an hour; the third point is at 30 s.
    assert rule(recorded(CLIMB)) == 30.0


def test_pressure_must_last_half_a_minute() -> None:
    rule = RIVALS["systemd-oomd: pressure 60 % for 30 s"]
    assert rule(recorded([900] * ROWS)) is None
    called = rule(recorded([900] * ROWS, stalled=True))
    assert called is not None
    assert 30 <= called <= 32
