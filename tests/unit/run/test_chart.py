"""The chart of a run, as text."""

from ebpftrace.run.chart import chart

MIB = 1 << 20
SECOND = 10**9


def test_height_follows_the_values_and_the_axis_ends_at_the_limit() -> None:
    rows = chart([(0, 0), (30 * SECOND, 256 * MIB), (60 * SECOND, 512 * MIB)], 512 * MIB)
    assert rows[0].startswith(" 512 MiB ┤")
    assert rows[6].startswith(" 256 MiB ┤")
    assert rows[-2].startswith("       0 └───")
    assert rows[-1].endswith("1m00s")
    bodies = [row[10:].ljust(72) for row in rows[:-2]]
    assert [body[-1] for body in bodies] == ["█"] * 12
    assert [body[40] for body in bodies] == [" "] * 6 + ["█"] * 6
    assert [body[0] for body in bodies] == [" "] * 12
    assert max(map(len, rows)) <= 82


def test_small_values_have_an_axis_of_their_own_and_are_seen() -> None:
    rows = chart([(0, 1), (SECOND, 64 * MIB), (2 * SECOND, 1)], 4096 * MIB)
    assert rows[0].startswith("  64 MiB ┤")
    assert rows[-3][10] == "▁"


def test_few_points_or_none_have_no_chart() -> None:
    assert chart([], None) == []
    assert chart([(0, 1), (1, 1)], None) == []
    assert chart([(5, 0), (5, 0), (5, 0)], None)  # nothing held, and no time passed
