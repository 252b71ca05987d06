"""Lines for a journal: one each, with priorities under systemd."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.judge.finding import Finding, FindingState, Severity
from ebpftrace.service.journal import JournalLines, is_journal, journal_writer
from ebpftrace.views.start import Remark, RemarkKind
from tests.support import watches


def lines(call: Callable[[JournalLines], object], *, priorities: bool = True) -> list[str]:
    written: list[str] = []
    call(JournalLines(written.append, priorities=priorities))
    assert all(text.endswith("\n") and text.count("\n") == 1 for text in written)
    return [text.rstrip("\n") for text in written]


def priority(call: Callable[[JournalLines], object]) -> str:
    (line,) = lines(call)
    return line[:3]


def _report(found: Finding, view: JournalLines) -> None:
    view.finding(found)


def test_a_finding_has_the_priority_of_its_severity() -> None:
    for severity, expected in zip(Severity, ("<5>", "<4>", "<2>"), strict=True):
        (line,) = lines(partial(_report, watches.finding(severity=severity)))
        assert line[:3] == expected
    ended = watches.finding(state=FindingState.END, severity=Severity.CRITICAL)
    assert priority(lambda view: view.finding(ended)) == "<6>"


def test_a_finding_is_its_whole_sentence_in_one_line() -> None:
    found = watches.finding()
    (line,) = lines(lambda view: view.finding(found))
    assert line == f"<4>finding: warning growth:256MiB/60s: {found.sentence}"
    (line,) = lines(lambda view: view.finding(found), priorities=False)
    assert line.startswith("12:00:07Z finding: warning ")


def test_what_went_wrong_is_more_urgent() -> None:
    failed = watches.step(status=StepStatus.FAILED)
    assert priority(lambda view: view.step(failed)) == "<4>"
    assert priority(lambda view: view.step(watches.step())) == "<5>"
    assert priority(lambda view: view.outcome(watches.outcome())) == "<5>"
    assert priority(lambda view: view.outcome(watches.outcome(helped=False))) == "<3>"
    assert priority(lambda view: view.fuse(watches.fuse_event())) == "<4>"
    assert priority(lambda view: view.note(watches.oom_note())) == "<3>"
    assert priority(lambda view: view.note(watches.loss_note())) == "<4>"
    trouble = Remark(0, 0, "disk full", RemarkKind.AUDIT_TROUBLE)
    assert priority(lambda view: view.remark(trouble)) == "<3>"
    assert priority(lambda view: view.remark(watches.remark())) == "<6>"


def test_the_time_of_day_is_left_to_the_journal() -> None:
    (line,) = lines(lambda view: view.step(watches.step()))
    assert line.startswith("<5>step: signal for build-42: done in ")


def test_what_happens_all_the_time_is_left_out() -> None:
    assert lines(lambda view: view.note(watches.process_note())) == []
    assert lines(lambda view: view.note(watches.stall_note())) == []
    assert lines(lambda view: view.snapshot(watches.example())) == []


def test_several_mistakes_of_a_policy_are_one_line() -> None:
    remark = Remark(0, 0, "not reloaded: line 1: x\nline 2: \x1b[2J", RemarkKind.NOT_RELOADED)
    (line,) = lines(lambda view: view.remark(remark))
    assert line == "<3>remark: not reloaded: line 1: x; line 2: \\x1b[2J"


def test_a_long_line_is_cut() -> None:
    (line,) = lines(lambda view: view.remark(Remark(0, 0, "x" * 9999)))
    assert len(line) < 2100


def test_the_first_and_the_last_line_say_what_and_why() -> None:
    first = lines(lambda view: view.start(watches.started(("a remark",))))
    assert first == [
        "<6>start: watching comm gopls, kernel 6.18.5, v2",
        "<6>remark: a remark",
    ]
    snapshot = watches.snapshot(losses={"ring_exit": 2})
    assert lines(lambda view: view.end(snapshot, "stopped")) == ["<6>end: stopped; 2 missed"]


def test_the_journal_is_known_by_the_stream_s_inode(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w", encoding="utf-8") as stream:
        found = os.fstat(stream.fileno())
        assert is_journal(stream, {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})
        assert not is_journal(stream, {"JOURNAL_STREAM": f"{found.st_dev}:1"})
        assert not is_journal(stream, {})


class LateWaiter:
    """Keeps what is to be written, as the watch's waiter does."""

    def __init__(self) -> None:
        self.writers: list[Callable[[], bool]] = []
        self.last: list[Callable[[], None]] = []

    def when_writable(self, _fd: int, write: Callable[[], bool]) -> None:
        self.writers.append(write)

    def at_end(self, last: Callable[[], None]) -> None:
        self.last.append(last)

    def wait_to_write(self, _fd: int) -> bool:
        return False


def test_a_reader_that_leaves_ends_nothing() -> None:
    reading, writing = os.pipe()
    lost: list[int] = []
    waiter = LateWaiter()
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        write = journal_writer(stream, waiter, lambda: lost.append(1))
        write("one\n")
        assert os.read(reading, 99) == b"one\n"
        os.close(reading)
        write("two\n")
        assert lost == [1]


def test_a_reader_that_leaves_while_lines_wait_ends_nothing() -> None:
    reading, writing = os.pipe()
    lost: list[int] = []
    waiter = LateWaiter()
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        write = journal_writer(stream, waiter, lambda: lost.append(1))
        for _ in range(100):
            write("x" * 1999 + "\n")
        (later,) = waiter.writers
        os.close(reading)
        assert later() is False
        assert lost == [1]
        for last in waiter.last:
            last()
