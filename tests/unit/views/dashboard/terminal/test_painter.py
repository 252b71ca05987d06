import re

from rich.segment import Segment

from ebpftrace.views.dashboard.render.theme import make_theme
from ebpftrace.views.dashboard.terminal.painter import Painter

LOOK = make_theme("256")


def line(text: str) -> tuple[Segment, ...]:
    return (Segment(text),)


def test_only_lines_that_changed_are_written() -> None:
    painter = Painter("256")
    first = painter.paint([line("one"), line("two")], 10, 2)
    assert b"one" in first and b"two" in first and b"\x1b[2J" in first
    assert painter.paint([line("one"), line("two")], 10, 2) == b""
    second = painter.paint([line("one"), line("2")], 10, 2)
    assert b"one" not in second and b"\x1b[2H" in second and b"\x1b[K" in second
    assert painter.paint([line("one")], 10, 2) == b"\x1b[?2026h\x1b[2H\x1b[K\x1b[?2026l"


def test_after_a_resize_or_a_stranger_everything_is_written() -> None:
    painter = Painter("256")
    painter.paint([line("one")], 10, 2)
    assert b"one" in painter.paint([line("one")], 11, 2)
    painter.forget()
    assert b"one" in painter.paint([line("one")], 11, 2)


def test_a_full_line_keeps_its_last_column() -> None:
    assert b"\x1b[K" not in Painter("256").paint([line("0123456789")], 10, 1)


def test_the_position_after_a_wide_character_is_set() -> None:
    painted = Painter("256").paint([(Segment("表🚀"), Segment("x"))], 10, 1)
    assert "表🚀\x1b[5Gx".encode() in painted


def test_no_colours_without_a_colour_system() -> None:
    for system, wanted in (
        ("256", rb"38;5;\d+"),
        ("truecolor", rb"38;2;"),
        ("standard", rb"34"),
    ):
        painted = Painter(system).paint([(Segment("x", make_theme(system).anon),)], 10, 1)
        assert re.search(wanted, painted)
    plain = Painter(None).paint([(Segment("x", make_theme(None).alarm),)], 10, 1)
    assert b"\x1b[1mx" in plain


def test_no_style_sets_a_background() -> None:
    for system in (None, "standard", "256", "truecolor"):
        look = make_theme(system)
        styles = (look.plain, look.strong, look.faint, look.alarm, look.warning, look.anon,
                  look.shmem, look.file, look.chosen, look.key)  # fmt: skip
        assert all(style.bgcolor is None for style in styles)


def test_an_encoding_without_the_signs_gets_question_marks() -> None:
    assert b"?" in Painter(None, "ascii").paint([line("▇")], 10, 1)
