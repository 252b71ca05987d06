from ebpftrace.units import GIB, MIB
from ebpftrace.views.columns import choose_columns, gap
from tests.support import watches


def test_columns_go_from_the_right_as_the_terminal_narrows() -> None:
    widest = [column.heading for column in choose_columns(240, 30)]
    assert widest[:5] == ["RSS", "GROWTH", "CHARGE / LIMIT", "FULL IN", "PEAK"]
    for width in range(60, 240):
        headings = [column.heading for column in choose_columns(width, 22)]
        assert headings == widest[: len(headings)]


def test_what_is_chosen_fits_beside_the_name() -> None:
    for width in range(1, 240):
        columns = choose_columns(width, 14)
        taken = sum(column.width + gap(width) for column in columns)
        assert taken <= (max(0, width - 14) if width >= 24 else width)


def test_the_narrowest_terminals_get_a_short_size() -> None:
    (only,) = choose_columns(10, 5)
    assert only.job(watches.job(processes=[watches.process(resident=9 * GIB)])).plain == "9.0G"
    assert choose_columns(6, 5) == []


def test_the_bar_tells_held_memory_from_the_rest_of_the_charge() -> None:
    limit = choose_columns(120, 22)[2]
    cached = watches.job(processes=[watches.process(resident=1024 * MIB)], cache=512 * MIB)
    assert limit.job(cached).plain == "━━━━━╌╌╌··  75% of 2.0 GiB"


def test_a_charge_beyond_the_limit_keeps_the_bar_in_its_column() -> None:
    limit = choose_columns(80, 22)[2]
    over = watches.job(processes=[watches.process(resident=3 * GIB)])
    assert limit.job(over).plain == "━━━━━━━━━━ 153%"


def test_no_text_is_wider_than_its_column() -> None:
    one = watches.process(resident=999 * GIB, per_second=-999 * GIB)
    full = watches.job(processes=[one], per_second=-999 * GIB, seconds_to_limit=1e9)
    for column in choose_columns(240, 22)[:-1]:
        assert column.job(full).cell_len <= column.width, column.heading
        assert column.process(one).cell_len <= column.width, column.heading
