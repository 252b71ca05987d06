from dataclasses import astuple, fields

import pytest
from rich.cells import cell_len
from rich.color import Color
from rich.style import Style

from ebpftrace.views.dashboard.render.theme import (
    ASCII,
    UNICODE,
    Signs,
    Theme,
    make_theme,
    signs_of,
)
from ebpftrace.views.level import Danger

SYSTEMS = (None, "standard", "256", "truecolor")


def styles(look: Theme) -> dict[str, Style]:
    return {
        field.name: getattr(look, field.name) for field in fields(look) if field.name != "signs"
    }


def luminance(color: Color) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [part / 255 for part in color.get_truecolor()]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("system", SYSTEMS)
def test_no_background_is_ever_set(system: str | None) -> None:
    assert not [name for name, style in styles(make_theme(system)).items() if style.bgcolor]


def test_without_colours_there_are_none() -> None:
    assert not [name for name, style in styles(make_theme(None)).items() if style.color]


def test_sixteen_colours_are_enough() -> None:
    named = {
        style.color.number for style in styles(make_theme("standard")).values() if style.color
    }
    assert named <= set(range(16))


def test_each_colour_is_readable_on_white_and_on_black() -> None:
    for name, style in styles(make_theme("truecolor")).items():
        if style.color is not None:
            light = luminance(style.color)
            assert 1.05 / (light + 0.05) >= 3, name
            assert (light + 0.05) / 0.05 >= 3, name


@pytest.mark.parametrize("signs", [UNICODE, ASCII])
def test_a_sign_takes_one_column_and_kinds_differ(signs: Signs) -> None:
    for value in astuple(signs):
        if isinstance(value, str):
            assert {cell_len(sign) for sign in value} == {1}
    assert len({signs.anon, signs.shmem, signs.file, signs.rest, signs.free}) == 5
    assert len({signs.killed, signs.near, signs.raised}) == 3


def test_ascii_is_ascii() -> None:
    assert all(value.isascii() for value in astuple(ASCII) if isinstance(value, str))


def test_the_signs_that_a_terminal_can_show() -> None:
    assert signs_of("utf-8", "xterm-256color") is UNICODE
    assert signs_of("UTF8", "") is UNICODE
    assert signs_of("utf-8", "linux") is ASCII
    assert signs_of("ANSI_X3.4-1968", "xterm") is ASCII
    assert signs_of(None, "xterm") is ASCII


def test_levels_and_entries_of_the_same_weight_look_the_same() -> None:
    look = make_theme("truecolor")
    assert look.level(Danger.NEAR) == look.entry("alarm") == look.alarm
    assert look.level(Danger.RAISED) == look.entry("warning") == look.warning
    assert look.level(Danger.CALM) == look.entry("plain") == look.plain
    assert look.entry("faint") == look.faint
