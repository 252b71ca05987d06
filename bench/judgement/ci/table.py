"""The scores as Markdown, and where they are in the docs."""

from collections.abc import Sequence
from pathlib import Path

from bench.judgement.ci.cost import Bill, oom_kill_s, used_share
from bench.judgement.ci.jobs import JOBS
from bench.judgement.ci.recording import Recording
from bench.judgement.ci.rules import all_bills

PAGE = Path(__file__).resolve().parents[3] / "docs" / "judgement-ci.md"
SECTION = "ci judgement"
_MIB = 1 << 10  # KiB


def page_text(recordings: Sequence[Recording]) -> str:
    """Everything between the markers of the page."""
    bills = all_bills(recordings)
    return "\n\n".join(
        (scores_text(recordings, bills), failures_text(bills), jobs_text(recordings))
    )


def scores_text(recordings: Sequence[Recording], bills: Sequence[Bill]) -> str:
    """One row a rule."""
    leaks = sum(one.leaky for one in recordings)
    healthy = len(recordings) - leaks
    held_out = sum(one.held_out and not one.leaky for one in recordings)
    lines = [
        f"{healthy} healthy runs, {held_out} of them of held-out jobs, and {leaks} leaks; the "
        "cost is 10 for a healthy job ended, 5 for a leak that ends in an OOM kill, 1 for "
        "one that the fuse stops with its evidence, 0 for one called earlier:",
        "",
        "| rule | cost | healthy ended | of those held out | leaks called | at the fuse | "
        "missed | used at call | at 1.25 × | lead |",
        "| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |",
    ]
    lines += [row_text(one) for one in bills]
    return "\n".join(lines)


def row_text(one: Bill) -> str:
    """A rule on all recordings."""
    held_out = sum(result.cost == 10 and result.recording.held_out for result in one.results)
    used, close = (_percent(one.used(share)) for share in (None, 1.25))
    lead = "–" if one.lead_s is None else f"{one.lead_s:.1f} s"
    return (
        f"| {one.rule} | {one.cost} | {one.false_ends} | {held_out} | {one.called} | "
        f"{one.at_fuse} | {one.missed} | {used} | {close} | {lead} |"
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def failures_text(bills: Sequence[Bill]) -> str:
    """Of our own rules: which recordings went wrong, by name."""
    lines = [
        "What goes wrong with ours, by recording (job, limit as a share of the peak, run):",
        "",
    ]
    for one in bills:
        if one.rule.startswith("ebpftrace"):
            lines.append(f"- {one.rule}: {', '.join(one.failures) or 'nothing'}.")
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
