"""A check-up for people, in 80 columns, and for programs."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ebpftrace.doctor.check import CheckResult, CheckState
from ebpftrace.text import wrap

_COLOURS = {CheckState.OK: "green", CheckState.WARNING: "yellow", CheckState.ERROR: "red"}
_SIGNS = {CheckState.OK: "✓", CheckState.WARNING: "▲", CheckState.ERROR: "!"}
_ASCII = {CheckState.OK: "+", CheckState.WARNING: "^", CheckState.ERROR: "!"}


class Shown(NamedTuple):
    """A line; `colour` is that of its first character, "" for none."""

    text: str
    colour: str = ""


def lines(checks: Sequence[CheckResult], *, utf8: bool) -> Iterator[Shown]:
    """All checks by their area. Reasons and fixes are below what they are about."""
    signs = _SIGNS if utf8 else _ASCII
    for area in dict.fromkeys(check.area for check in checks):
        yield Shown(area)
        for check in checks:
            if check.area == area:
                yield from _lines(check, signs)


def _lines(check: CheckResult, signs: dict[CheckState, str]) -> Iterator[Shown]:
    first, *rest = wrap(check.seen, first=f"  {signs[check.state]} ", following="    ")
    yield Shown(first, _COLOURS[check.state])
    yield from map(Shown, rest)
    for label, text in (("why: ", check.why), ("fix: ", check.fix)):
        for line in text.splitlines():
            yield from map(Shown, wrap(line, first=f"    {label}", following=" " * 9))
            label = " " * len(label)


def record(check: CheckResult) -> dict[str, Any]:
    """A check for JSON."""
    return {**check._asdict(), "state": check.state.value}
