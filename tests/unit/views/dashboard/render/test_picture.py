import xml.etree.ElementTree as ET

from ebpftrace.views.dashboard.render.picture import as_svg, as_text
from ebpftrace.views.dashboard.render.spans import text
from tests.support.dashboards import PLAIN

LINES = [(text("  <b>&amp; 表"), text("  ▇▇·", PLAIN.alarm)), ()]


def test_text_has_no_styles_and_no_spaces_at_its_ends() -> None:
    assert as_text([(*LINES[0], text("   ")), ()]) == "  <b>&amp; 表  ▇▇·\n\n"


def test_svg_is_well_formed_and_loads_nothing() -> None:
    picture = as_svg(LINES, 40, "a <title>")
    root = ET.fromstring(picture)
    shown = "".join(root.itertext()).replace("\xa0", " ")
    assert "<b>&amp;" in shown
    assert "a <title>" in shown
    assert "@font-face" not in picture
    assert picture.count("http") == 1  # its own namespace


def test_signs_letters_and_spaces_each_have_their_place() -> None:
    root = ET.fromstring(as_svg(LINES, 40, ""))
    texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "▇▇·" in texts


def test_the_same_frame_is_the_same_file() -> None:
    assert as_svg(LINES, 40, "x") == as_svg(LINES, 40, "x")
