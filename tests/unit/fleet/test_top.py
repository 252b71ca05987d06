"""The loop with scripted answers, which come on its own thread; the end is by SIGTERM."""

import os
import signal
from collections.abc import Callable, Iterable

import pytest

from ebpftrace.errors import PrometheusError
from ebpftrace.fleet.api import PrometheusApi, Series, parse_url
from ebpftrace.fleet.top import TopOptions, top
from ebpftrace.judge.finding import Finding, FindingState, Severity
from ebpftrace.ledger import Snapshot
from ebpftrace.units import NS_PER_SECOND
from tests.support.recording_view import RecordingView

OURS = {"instance": "n1:9435", "job_key": "5"}
FIGURES = {"jobs": 3, "nodes": 2, "total_bytes": 9, "available_bytes": 4, "unscraped": 1}
FAST = TopOptions("", 10, NS_PER_SECOND // 50, once=False)


def value(number: float, **labels: str) -> Series:
    return Series(labels, ((1.0, number),))


class Answers(PrometheusApi):
    """Each round has a job, which has this finding; "" for none, None for an error."""

    def __init__(self, findings: Iterable[str | None]) -> None:
        super().__init__(parse_url("http://prometheus:9090"))
        self._findings = iter(findings)
        self._finding = ""

    def query(self, expression: str) -> list[Series]:
        if expression.startswith("topk("):
            finding = next(self._findings)
            if finding is None:
                raise PrometheusError("no answer", why="it is away")
            self._finding = finding
            return [value(1, **OURS)]
        if "job_.+" in expression:
            name = {"__name__": "ebpftrace_job_findings", "severity": "critical"}
            running = value(1, __name__="ebpftrace_job_running", **OURS)
            found = value(bool(self._finding), detector=self._finding or "leak", **name, **OURS)
            return [running, found]
        if "figure" in expression:
            return [value(number, figure=name) for name, number in FIGURES.items()]
        return [value(7, cause="ring_exit")] if "losses" in expression else []


def shown(
    findings: Iterable[str | None],
    enough: Callable[[RecordingView], object],
    options: TopOptions = FAST,
) -> RecordingView:
    view = RecordingView(lambda: 0.0)

    def end(method: str) -> None:
        if method != "stop" and enough(view):
            os.kill(os.getpid(), signal.SIGTERM)

    view.on_call = end
    top(Answers(findings), options, lambda _waiter: view)
    assert view.calls[0][1] == "start"
    assert view.calls[-1][1] == "stop"
    return view


def forever(last: str) -> Iterable[str]:
    while True:
        yield last


def test_round_is_shown_as_a_snapshot_of_all_nodes() -> None:
    view = shown([""], bool, FAST._replace(once=True))
    (one,) = view.all(Snapshot)
    assert [job.identity.node for job in one.jobs] == ["n1"]
    assert one.node == (9, 4, 2)
    assert one.losses == {"ring_exit": 7, "unscraped_nodes": 1}
    assert one.watching == "3 jobs in all, prometheus:9090"
    assert one.waiting_for == "a job in prometheus:9090"


def test_finding_begins_once_and_ends() -> None:
    def script() -> Iterable[str]:
        yield from ("", "leak", "leak", "")
        yield from forever("")

    view = shown(script(), lambda view: len(view.all(Finding)) == 2)
    began, ended = view.all(Finding)
    assert (began.state, ended.state) == (FindingState.BEGIN, FindingState.END)
    assert (began.detector, began.severity) == ("leak", Severity.CRITICAL)
    assert began.subject.job.node == "n1"
    assert ended.since_ns == began.since_ns
    assert ended.monotonic_ns > began.monotonic_ns


def test_trouble_is_said_once_and_the_next_answer_is_shown() -> None:
    def script() -> Iterable[str | None]:
        yield from ("", None, None, "")
        yield from forever("")

    view = shown(script(), lambda view: len(view.all(Snapshot)) == 3)
    assert view.remarks == ["no answer: it is away; what is shown is older"]


def test_error_of_the_first_round_is_raised() -> None:
    with pytest.raises(PrometheusError, match="no answer"):
        shown([None], bool)


def test_mistake_of_ours_is_raised_and_not_waited_for() -> None:
    with pytest.raises(StopIteration):  # of the script
        shown(iter(()), bool)
