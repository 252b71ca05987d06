"""The picture of what gopls takes for modules of growing size."""

from xml.etree import ElementTree

from bench.amplification import EMPTY, FILLED, draw
from bench.figures import Row, Table

SVG = "{http://www.w3.org/2000/svg}"


def table(cache: str, *peaks: float) -> Table:
    labels = ("helm: 8, 1279, 62.2", "mod: 0, 208, 11.9")
    rows = [Row(label, (peak,)) for label, peak in zip(labels, peaks, strict=True)]
    missing = Row("k8s.io/client-go", remark="it is not in the module cache")
    return Table("amplification", f"resident, {cache}", "MiB", (*rows, missing))


def test_both_caches_over_the_go_text_up_to_the_highest_peak() -> None:
    drawn = ElementTree.fromstring(draw([table(EMPTY, 3000, 320), table(FILLED, 400, 100)]))
    empty, filled = drawn.iter(f"{SVG}polyline")
    assert (empty.attrib["class"], filled.attrib["class"]) == ("lost", "won")
    for line in (empty, filled):
        left, right = (pair.split(",") for pair in line.attrib["points"].split())
        assert float(left[0]) < float(right[0])
        assert float(left[1]) > float(right[1])
    texts = [each.text or "" for each in drawn.iter(f"{SVG}text")]
    assert f"— {EMPTY}" in texts
    assert "0 MiB of Go text" in texts
    assert texts.count("1000") == 1
    assert "100" not in texts  # lines across are as far apart as the height asks for
