"""What is printed once the command has ended: a paragraph, and a line for each event."""

from collections.abc import Iterator

from ebpftrace.run.result import RunResult
from ebpftrace.text import COLUMNS, wrap
from ebpftrace.units import format_bytes, format_duration

_MOST_LINES = 10
_INFORMATIONAL = {"annotate", "capture", "notify"}
"""Actions that change nothing for the process."""


def paragraph(result: RunResult) -> str:
    """At most 80 columns; it ends in a newline."""
    text = " ".join(sentences(result))
    lines = wrap(f"ebpftrace: {text}", COLUMNS, following="  ")
    shown = list(details(result))
    for line in shown[:_MOST_LINES]:
        lines += wrap(line, COLUMNS, first="  - ", following="    ")
    if len(shown) > _MOST_LINES:
        lines.append(f"  … and {len(shown) - _MOST_LINES} more")
    return "\n".join(lines) + "\n"


def sentences(result: RunResult) -> Iterator[str]:
    """How it ended, and what it took."""
    yield f"{result.name} {result.ended} after {format_duration(result.end.took_ns)}."
    if result.restarts:
        times = "once" if result.restarts == 1 else f"{result.restarts} times"
        yield f"It was started again {times}."
    if result.peak_bytes is not None:
        yield f"{result.peak_of} at most {format_bytes(result.peak_bytes)}{_of_limit(result)}."
    if result.oom_kills:
        kills = "a process" if result.oom_kills == 1 else f"{result.oom_kills} processes"
        victims = ", ".join(result.victims[:3])
        yield f"The OOM killer ended {kills}{f' ({victims})' if victims else ''}."


def details(result: RunResult) -> Iterator[str]:
    """Findings, actions, evidence, and what was missing."""
    for one in result.findings:
        yield f"{one['severity']} {one['detector']}: {one['sentence']}"
    done = [one for one in result.of_type("step") if one["status"] == "done"]
    acted = [one for one in done if one["action"] not in _INFORMATIONAL]
    for one in acted:
        yield f"{one['action']}: {one['detail']}"
    for one in result.of_type("outcome"):
        # Whether it helped cannot be seen any more where the command ended by it.
        if one["helped"] or one["incident"] not in {step["incident"] for step in acted}:
            yield str(one["sentence"])
    for folder in result.evidence:
        yield f"evidence: {folder}"
    yield from result.notes


def _of_limit(result: RunResult) -> str:
    holder = f", most of it by {result.holder}" if result.holder else ""
    if result.share is None or result.limit_bytes is None:
        return holder
    share = f"{min(result.share, 9.99):.0%} of the limit of {format_bytes(result.limit_bytes)}"
    return f", {share}{holder}"
