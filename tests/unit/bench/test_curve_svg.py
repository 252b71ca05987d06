"""A picture of curves: well formed, to scale, and readable in light and in dark."""

from xml.etree import ElementTree

import pytest

from bench.curve_svg import BOTTOM, HEIGHT, LEFT, RIGHT, WIDTH, Curve, Level, picture

SVG = "{http://www.w3.org/2000/svg}"
CURVES = (
    Curve("a <b> & c", ((0, 0), (50, 200), (100, 400)), "won"),
    Curve("other", ((0, 0), (200, 100)), "lost"),
)


def drawn() -> ElementTree.Element:
    return ElementTree.fromstring(picture("title", CURVES, (Level("limit", 400),)))


def points(curve: ElementTree.Element) -> list[tuple[float, float]]:
    pairs = (pair.split(",") for pair in curve.attrib["points"].split())
    return [(float(x), float(y)) for x, y in pairs]


def test_curves_share_the_scale_of_the_longest() -> None:
    won, lost = drawn().iter(f"{SVG}polyline")
    (x0, y0), (x1, y1), (x2, y2) = points(won)
    assert (x0, y0) == (LEFT, HEIGHT - BOTTOM)
    assert x2 - x1 == pytest.approx(x1 - x0, abs=0.2)
    assert y0 - y1 == pytest.approx(y1 - y2, abs=0.2)  # it is written to a tenth
    assert points(lost)[-1][0] == WIDTH - RIGHT


def test_level_is_drawn_where_a_curve_reaches_it() -> None:
    level = next(line for line in drawn().iter(f"{SVG}line") if line.attrib["class"] == "level")
    won = next(drawn().iter(f"{SVG}polyline"))
    assert float(level.attrib["y1"]) == points(won)[-1][1]


def test_everything_is_within_the_picture() -> None:
    for curve in drawn().iter(f"{SVG}polyline"):
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points(curve))


def test_labels_are_text_and_follow_the_colour_scheme() -> None:
    said = [text.text or "" for text in drawn().iter(f"{SVG}text")]
    assert "title" in said
    assert any("a <b> & c" in one for one in said)
    assert "prefers-color-scheme: dark" in picture("title", CURVES, (Level("limit", 400),))
