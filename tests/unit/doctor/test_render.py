"""A check-up in 80 columns."""

from rich.cells import cell_len

from ebpftrace.doctor.check import CheckResult, CheckState
from ebpftrace.doctor.render import lines, record

CHECKS = [
    CheckResult("kernel", "bpf", CheckState.OK, "it works"),
    CheckResult("jobs", "limits", CheckState.WARNING, "no limit " * 12, "why " * 30, "a\nb"),
    CheckResult("kernel", "btf", CheckState.ERROR, "there is none", "it is old", "use another"),
]


def test_areas_are_together_and_reasons_below() -> None:
    shown = [line.text for line in lines(CHECKS, utf8=True)]
    assert shown[:5] == [
        "kernel", "  ✓ it works", "  ! there is none", "    why: it is old",
        "    fix: use another",
    ]  # fmt: skip
    assert shown[5] == "jobs"
    assert shown[6].startswith("  ▲ no limit")
    assert shown[-2:] == ["    fix: a", "         b"]
    assert max(map(cell_len, shown)) <= 80


def test_only_the_sign_has_a_colour() -> None:
    colours = [line.colour for line in lines(CHECKS, utf8=True) if line.colour]
    assert colours == ["green", "red", "yellow"]


def test_without_utf8_the_signs_are_ascii() -> None:
    text = "\n".join(line.text for line in lines(CHECKS, utf8=False))
    assert text.isascii()
    assert "  + it works" in text


def test_a_record_has_every_field() -> None:
    assert record(CHECKS[2]) == {
        "area": "kernel", "name": "btf", "state": "error", "seen": "there is none",
        "why": "it is old", "fix": "use another",
    }  # fmt: skip
