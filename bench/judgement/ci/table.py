"""The scores as Markdown, and where they are in the docs."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.judgement.ci.cost import Bill, Cost, bill, oom_kill_s, used_share
from bench.judgement.ci.jobs import JOBS
from bench.judgement.ci.recording import Recording
from bench.judgement.ci.rules import CHANGE, after_a_change, all_bills

PAGE = Path(__file__).resolve().parents[3] / "docs" / "judgement-ci.md"
SECTION = "ci judgement"
CLOSE_SHARE, GOAL_SHARE = 1.25, 0.75
"""Leaks at this limit are to be called before so much of it is taken."""

_MIB = 1 << 10  # KiB


def page_text(recordings: Sequence[Recording]) -> str:
    """Everything between the markers of the page."""
    bills = all_bills(recordings)
    return "\n\n".join(
        (
            scores_text(recordings, bills),
            failures_text(bills),
            changes_text(recordings),
            jobs_text(recordings),
        )
    )


def scores_text(recordings: Sequence[Recording], bills: Sequence[Bill]) -> str:
    """One row a rule."""
    leaks = sum(one.leaky for one in recordings)
    healthy = len(recordings) - leaks
    held_out = sum(one.held_out and not one.leaky for one in recordings)
    lines = [
        f"{healthy} healthy runs, {held_out} of them of held-out jobs, and {leaks} leaks; the "
        "cost is 10 for a healthy job ended, 5 for a leak that ends in an OOM kill, 1 for "
        "one that is not called before the fuse stops it with its evidence, 0 for one called "
        "earlier:",
        "",
        "| rule | cost | healthy ended | of those held out | healthy called, left alone | "
        "leaks called | acted on before the fuse | not called before it | missed | "
        "used at call | at 1.25 × | lead |",
        "| --- |" + " --: |" * 11,
    ]
    lines += [row_text(one) for one in bills]
    return "\n".join(lines)


def row_text(one: Bill) -> str:
    """A rule on all recordings."""
    held_out = sum(result.cost == 10 and result.recording.held_out for result in one.results)
    used, close = (_percent(one.used(share)) for share in (None, CLOSE_SHARE))
    lead = "–" if one.lead_s is None else f"{one.lead_s:.1f} s"
    cells = (
        one.rule, one.cost, one.false_ends, held_out, len(one.left_alone), one.called,
        one.acted, one.at_fuse, one.missed, used, close, lead,
    )  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def failures_text(bills: Sequence[Bill]) -> str:
    """Of our own rules: which recordings went wrong, or were not called well, by name."""
    lines = [
        "What goes wrong with ours, by recording (job, limit as a share of the peak, run):",
        "",
    ]
    for one in bills:
        if one.rule.startswith("ebpftrace"):
            lines.append(f"- {one.rule}: {'; '.join(_wrong(one)) or 'nothing'}.")
    return "\n".join(lines)


def _wrong(one: Bill) -> Iterator[str]:
    late = [result for result in one.leaks if result.cost is Cost.FUSE]
    taken = [
        f"{result.recording.name} ({result.used:.0%})"
        for result in one.leaks
        if result.recording.share == CLOSE_SHARE and (result.used or 0) >= GOAL_SHARE
    ]
    found = {
        "": one.failures,
        "healthy, called and left alone: ": [each.recording.name for each in one.left_alone],
        "not called before the fuse: ": [each.recording.name for each in late],
    }
    found[f"called at {CLOSE_SHARE:g} × with {GOAL_SHARE:.0%} or more taken: "] = taken
    if len(late) == len(one.leaks) > 1:
        found["not called before the fuse: "] = ["every leak"]
    for what, names in found.items():
        if names:
            yield what + ", ".join(names)


def changes_text(recordings: Sequence[Recording]) -> str:
    """Healthy runs of a job that has changed, by their limit."""
    healthy = [one for one in recordings if not one.leaky]
    made = bill(after_a_change(recordings), healthy)
    lines = [
        f"Had all earlier runs of a job held {CHANGE:.0%} of what they did, as before a "
        "change of the job itself:",
        "",
        "| limit, as a share of the peak | healthy runs | called | ended |",
        "| --: | --: | --: | --: |",
    ]
    for share in sorted({one.share for one in healthy}):
        some = [one for one in made.results if one.recording.share == share]
        ended = sum(one.cost is Cost.FALSE_END for one in some)
        called = sum(one.called for one in some)
        lines.append(f"| {share:g} × | {len(some)} | {called} | {ended} |")
    return "\n".join(lines)


def jobs_text(recordings: Sequence[Recording]) -> str:
    """One row a job."""
    lines = ["| job | tool | runtime | peak | seconds | most used at 1.1 × | leak |",
             "| --- | --- | --- | --: | --: | --: | --- |"]  # fmt: skip
    for job in JOBS:
        runs = [one for one in recordings if one.job == job.name]
        healthy = [one for one in runs if not one.leaky]
        if not healthy:
            continue
        seconds = sorted(one.seconds for one in healthy)
        most = max((one.most_kib / one.limit_kib for one in healthy if one.share == 1.1),
                   default=0.0)  # fmt: skip
        ends = [oom_kill_s(one) for one in runs if one.leaky]
        leak = f"{job.leak}, ended after {min(ends):.0f}–{max(ends):.0f} s" if ends else ""
        lines.append(
            f"| {job.name}{' (held out)' if job.held_out else ''} | {job.tool} | "
            f"{job.runtime} | {healthy[0].peak_kib // _MIB} MiB | {seconds[0]:.0f}–"
            f"{seconds[-1]:.0f} | {most:.0%} | {leak} |"
        )
    return "\n".join(lines)


def each_text(recordings: Sequence[Recording]) -> str:
    """What ours makes of each recording, with and without a past."""
    bills = all_bills(recordings)[:3]
    lines = []
    for results in zip(*(one.results for one in bills), strict=True):
        made = [
            f"{result.used:.0%} {result.lead_s:.1f}s" if result.used is not None
            else result.cost.name.lower() for result in results
        ]  # fmt: skip
        recording = results[0].recording
        top = max(map(used_share, recording.rows))
        lines.append(f"{recording.name:<28} {top:>4.0%} {recording.seconds:>6.1f} s  "
                     + "  ".join(f"{one:<12}" for one in made))  # fmt: skip
    return "\n".join(lines)
