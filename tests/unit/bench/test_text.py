"""Tables as text: aligned, and never wider than 80 columns."""

import pytest

from bench.figures import Row, Table
from bench.text import number, page, table_text

TABLE = Table(
    "touch",
    "first touch of a page, 7 rounds",
    "ns",
    (
        Row("without ebpftrace", (1300.0, 1317.4, 1400.0)),
        Row(
            "ebpftrace watching a program with a very long name indeed",
            (1430.0, 1449.14, 1540.0),
        ),
        Row("memleak-bpfcc", remark="does not start: " + "no headers " * 12),
    ),
    against="without ebpftrace",
    footnotes=("a remark " * 20,),
)


def test_columns_line_up_within_80() -> None:
    lines = table_text(TABLE).splitlines()
    assert max(map(len, lines)) <= 80
    base, watched = lines[2], lines[3]
    assert watched.endswith("1.10×")
    assert base.index("1300 – 1400") == watched.index("1430 – 1540")
    assert base.split()[-4:] == ["1317", "1300", "–", "1400"]


def test_score_is_shown_in_place_of_a_ratio() -> None:
    rows = (Row("a fuse", (1.0, 2.0), score="98/100"), Row("a hook", remark="saved 0/100"))
    head, won, lost = table_text(Table("race", "", "MiB", rows, score="saved")).splitlines()[1:]
    assert won.endswith("98/100")
    assert head.index("saved") + len("saved") == len(won)
    assert lost == "  a hook: saved 0/100"


def test_slowest_hundredth_of_single_events_is_shown() -> None:
    row = Row("breach to hook", tuple(float(one) for one in range(1, 201)))
    lines = table_text(Table("latency", "", "ms", (row,), tail=True)).splitlines()
    assert "p99 – max" in lines[1]
    assert lines[2].split()[-4:] == ["100", "198", "–", "200"]


def test_reason_is_not_cut() -> None:
    text = " ".join(table_text(TABLE).split())
    assert "memleak-bpfcc: does not start: " + ("no headers " * 12).strip() in text


def test_page_names_the_machine_and_the_command() -> None:
    text = page([TABLE], "Linux 6.18", "python -m bench touch")
    assert text.startswith("Linux 6.18\n\ntouch: first touch")
    assert text.endswith("\n\n$ python -m bench touch\n")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.01234, "0.0123"), (0.1234, "0.123"), (1.234, "1.23"), (12.34, "12.3"),
     (123.4, "123"), (1234.5, "1234")],
)  # fmt: skip
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text
