"""Findings in lines: whole in a log, cut in a table, and the worst again at the end."""

from ebpftrace.judge.finding import FindingState, Severity, Subject
from ebpftrace.views.cells import cells
from ebpftrace.views.findings import (
    FindingLog,
    finding_line,
    finding_lines,
    finding_summary_lines,
)
from tests.support import watches


def test_finding_lines_wrap_the_whole_sentence() -> None:
    lines = finding_lines(watches.finding())
    assert lines == [
        "finding  12:00:07Z warning growth:256MiB/60s: gopls 4711 in job github/build-42",
        "         gained 312 MiB in 48 s (bound 256 MiB in 60 s), anon only; at this rate",
        "         the limit of 2 GiB is 71 s away",
    ]
    assert all(cells(line) <= 80 for line in lines)


def test_finding_line_is_cut() -> None:
    line = finding_line(watches.finding(), 40)
    assert cells(line) == 40
    assert line.endswith("…")


def test_the_line_of_an_ended_finding_says_so() -> None:
    ended = watches.finding(state=FindingState.END, sentence="gopls 4711: is over")
    assert "growth:256MiB/60s ended: gopls 4711" in finding_line(ended)


def test_active_findings_by_job() -> None:
    found = FindingLog()
    begun = watches.finding()
    risen = begun._replace(state=FindingState.RISE, severity=Severity.CRITICAL)
    other = watches.finding(
        subject=Subject(watches.identity("other")), severity=Severity.NOTICE
    )
    found.add(begun)
    found.add(risen)
    found.add(other)
    older = risen._replace(detector="leak", since_ns=risen.since_ns - 1)
    found.add(older)
    assert found.active() == {"/ci/build-42": [older, risen], "/ci/other": [other]}
    found.add(risen._replace(state=FindingState.END))
    found.add(older._replace(state=FindingState.END))
    assert found.active() == {"/ci/other": [other]}
    assert found.above_notice() == [risen, older]


def test_the_last_kill_of_a_job() -> None:
    found = FindingLog()
    for comm in ("first", "second"):
        found.add_kill(watches.oom_note(comm))
    assert {key: kill.comm for key, kill in found.kills().items()} == {"/ci/build-42": "second"}


def test_the_summary_has_the_worst_first_and_counts_the_rest() -> None:
    found = FindingLog()
    for number in range(300):
        severity = Severity.CRITICAL if number == 250 else Severity.WARNING
        found.add(
            watches.finding(
                subject=Subject(watches.identity(f"job-{number}")),
                severity=severity,
                sentence=f"job-{number} leaks",
            )
        )
    lines = finding_summary_lines(found.above_notice())
    assert len(lines) == 11
    assert "critical" in lines[0]
    assert "job-250" in lines[0]
    assert lines[-1] == "finding  … and 246 more"
