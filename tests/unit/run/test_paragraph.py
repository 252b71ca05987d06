"""The last words of `ebpftrace run`, within 80 columns."""

import pytest

from ebpftrace.run.command import CommandEnd
from ebpftrace.run.paragraph import paragraph
from ebpftrace.run.result import RunResult

SECOND = 10**9


def said(end: CommandEnd, **changes: object) -> str:
    text = paragraph(RunResult(("go", "test"), end)._replace(**changes))  # type: ignore[arg-type]
    assert all(len(line) <= 80 for line in text.splitlines())
    assert text.endswith("\n")
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (CommandEnd(3, 0, 90 * SECOND), "go test ended with exit code 3 after 1m30s."),
        (CommandEnd(143, 15, SECOND), "go test was ended by SIGTERM after 1.0s."),
        (CommandEnd(168, 40, SECOND), "was ended by signal 40"),
        (CommandEnd(124, 15, SECOND, timed_out=True), "was ended at its timeout"),
    ],
)
def test_end_in_words(end: CommandEnd, words: str) -> None:
    assert words in said(end)


def test_peak_has_its_share_and_its_holder_where_these_are_known() -> None:
    peak = {"peak_bytes": 1 << 30, "peak_of": "Its processes held"}
    end = CommandEnd(0, 0, SECOND)
    assert "Its processes held at most 1.0 GiB." in said(end, **peak)
    assert "at most 1.0 GiB, 50% of the limit of 2.0 GiB, most of it by gopls 7." in said(
        end, **peak, limit_bytes=2 << 30, holder="gopls 7"
    )


def test_long_lists_and_names_are_cut() -> None:
    end = CommandEnd(0, 0, SECOND)
    text = said(end, command=("x" * 500, "\x1b[31m"), notes=tuple("abcdefghijklmno"))
    assert "\x1b" not in text
    assert "… and 5 more" in text


def test_restarts_are_said() -> None:
    assert "started again once." in said(CommandEnd(0, 0, 1), restarts=1)
    assert "started again 3 times." in said(CommandEnd(0, 0, 1), restarts=3)


def test_steps_that_changed_something_are_said_and_no_doubt_about_them() -> None:
    job = {"incident": "1", "pid": 7, "status": "done"}
    events = (
        job | {"type": "step", "action": "capture", "detail": "25 files"},
        job | {"type": "step", "action": "signal", "detail": "gopls 7 ended by KILL"},
        job | {"type": "step", "action": "exec", "detail": "not there", "status": "failed"},
        job | {"type": "outcome", "helped": False, "evidence": "/e", "sentence": "not known"},
        {"type": "outcome", "incident": "2", "helped": False, "evidence": "", "pid": 8,
         "sentence": "GIVEN UP: nothing helped"},
    )  # fmt: skip
    text = said(CommandEnd(1, 0, SECOND), events=events)
    assert "- signal: gopls 7 ended by KILL - GIVEN UP: nothing helped - evidence: /e" in text
    assert not any(word in text for word in ("25 files", "not there", "not known"))
