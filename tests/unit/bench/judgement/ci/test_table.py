"""What the page says, on recordings made by hand."""

from dataclasses import replace

from bench.judgement.ci.climbs import climbs_text, longest_climb
from bench.judgement.ci.cost import Calls, Rule, bill
from bench.judgement.ci.rules import level
from bench.judgement.ci.table import (
    PAGE,
    SECTION,
    changes_text,
    failures_text,
    jobs_text,
    scores_text,
)
from bench.sections import between
from tests.support.ci_recordings import ci_recording

HEALTHY = ci_recording([10, 50, 93, 20], job="tsc", held_out=True)
LEAK = ci_recording([10, 50, 80, 91, 99], job="webpack", leaky=True)
SMALL = ci_recording([10, 20, 10], job="webpack", share=1.1)
ALL = [HEALTHY, LEAK, SMALL]


def test_a_rule_is_a_row() -> None:
    lines = scores_text(ALL, [bill(level(0.9), ALL)]).splitlines()
    assert lines[0].startswith("2 healthy runs, 1 of them of held-out jobs, and 1 leaks")
    row = "| 10 | 1 | 1 | 0 | 1 | 1 | 0 | 0 | 91% | 91% | 1.0 s |"
    assert lines[-1] == f"| 90.0% of the limit, each snapshot {row}"
    assert len({line.count("|") for line in lines[2:]}) == 1


def test_a_rule_that_calls_nothing_has_no_figures() -> None:
    lines = scores_text(ALL, [bill(level(1.2), ALL)]).splitlines()
    assert lines[-1].endswith("| 5 | 0 | 0 | 0 | 0 | 0 | 0 | 1 | – | – | – |")


def test_what_goes_wrong_with_ours_is_named() -> None:
    ours = bill(level(0.9), ALL)
    named = failures_text([ours])
    assert "tsc-1.25-1" not in named  # it is not ours
    mine = replace(ours, rule="ebpftrace, no past")
    assert (
        "- ebpftrace, no past: tsc-1.25-1; called at 1.25 × with 75% or more taken: "
        "webpack-leak-1.25-1 (91%)."
    ) in failures_text([mine])


def test_what_is_called_and_left_alone_or_not_called_is_named() -> None:
    rule = Rule("ebpftrace", lambda recording: Calls(2.0 if recording is SMALL else None), True)
    text = failures_text([bill(rule, [SMALL, LEAK])])
    assert (
        "- ebpftrace: healthy, called and left alone: webpack-1.1-1; "
        "not called before the fuse: webpack-leak-1.25-1."
    ) in text
    assert "not called before the fuse: every leak." in failures_text([bill(rule, [LEAK] * 2)])


def test_a_change_has_a_row_for_each_limit() -> None:
    rows = changes_text(ALL).splitlines()
    assert rows[-2:] == ["| 1.1 × | 1 | 0 | 0 |", "| 1.25 × | 1 | 0 | 0 |"]


def test_a_job_is_a_row_with_its_leak() -> None:
    rows = jobs_text(ALL).splitlines()[2:]
    assert rows[0].startswith("| tsc (held out) | tsc | Node | 80 MiB | 4–4 |")
    assert "keeps what it saw, ended after 4–4 s" in rows[1]
    assert len(rows) == 2


def test_the_page_has_the_markers() -> None:
    assert "\nfigures\n" in between(PAGE.read_text(encoding="utf-8"), SECTION, "figures\n")


def test_the_longest_climb_that_came_so_far() -> None:
    climb = ci_recording([*range(10, 80)], job="climb")
    found = longest_climb(climb, 0.5)
    assert found is not None
    assert found.seconds >= 60
    assert longest_climb(climb, 0.9) is None
    assert longest_climb(SMALL, 0.0) is None
    text = climbs_text([climb, SMALL, LEAK], shares=(0.5, 0.9))
    assert text.splitlines()[0].startswith("past 50% of its room: climb-1.25-1 ")
    assert text.splitlines()[1] == "past 90% of its room: none"
