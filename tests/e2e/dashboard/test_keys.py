"""What the dashboard shows, and what each of its keys does."""

import os
import re
import signal

import pytest

from tests.support.dashboard_stage import Stage, label
from tests.support.tmux import NEEDS_TMUX, Tmux

pytestmark = [pytest.mark.kernel, NEEDS_TMUX]

TIME_AXIS = re.compile(r" -[0-9ms.]+ .* now$", re.MULTILINE)


def row(screen: str, text: str) -> int:
    """The line of the list with this text."""
    return next(
        number for number, line in enumerate(screen.splitlines()) if f" {text} " in f"{line} "
    )


def chosen(tmux: Tmux) -> str:
    """The line in reverse."""
    for line in tmux.screen(styles=True).splitlines():
        if re.match(r"(\x1b\[[0-9;]*m)*\x1b\[[0-9;]*7[;m]", line):
            return re.sub(r"\x1b\[[0-9;]*m", "", line)
    return ""


def expect_chosen(tmux: Tmux, text: str) -> None:
    tmux.expect(lambda _: text in chosen(tmux))


def test_it_shows_the_jobs_and_their_processes(stage: Stage, terminal: Tmux) -> None:
    screen = terminal.expect("25%")  # 65 MiB and what else is charged, of 256
    assert row(screen, label(stage.large)) < row(screen, label(stage.small))
    assert "2 jobs, 2 processes" in screen
    assert re.search(r"nothing missed|! \d+ missed: proc timeouts \d+\n", screen)
    assert f"found {label(stage.large)}" in screen  # the tail of events


def test_each_key_of_moving(stage: Stage, terminal: Tmux) -> None:
    for key, text in (
        ("j", label(stage.large)),
        ("Down", "no limit"),
        ("Down", label(stage.small)),
        ("k", "no limit"),
        ("Up", label(stage.large)),
        ("G", label(stage.small)),
        ("g", "25%"),
        ("NPage", label(stage.small)),
        ("PPage", "25%"),
        ("End", label(stage.small)),
        ("Home", "25%"),
    ):
        terminal.press(key)
        expect_chosen(terminal, text)


def test_folding(stage: Stage, terminal: Tmux) -> None:
    large, small = label(stage.large), label(stage.small)
    terminal.press("Space")
    terminal.expect(lambda screen: large not in screen.split("events")[0] and small in screen)
    terminal.press("Space")
    terminal.expect(lambda screen: large in screen.split("events")[0])
    terminal.press("z")
    terminal.expect(lambda screen: "▸" in screen and "▾" not in screen)
    terminal.press("Right")
    terminal.expect(lambda screen: large in screen.split("events")[0] and "▸" in screen)
    terminal.press("Left")
    terminal.expect(lambda screen: "▾" not in screen)
    terminal.press("z")
    terminal.expect(lambda screen: "▸" not in screen)


def test_sorting(stage: Stage, terminal: Tmux) -> None:
    large, small = label(stage.large), label(stage.small)
    for order, first in (
        ("by growth", large),  # neither grows: the larger one
        ("by time to limit", large),  # the other has none
        ("by name", small),
        ("by size", large),
    ):
        terminal.press("s")
        screen = terminal.expect(order).split("events")[0]
        assert min(large, small, key=lambda one: row(screen, one)) == first, order


def test_filtering_while_typing(stage: Stage, terminal: Tmux) -> None:
    pid = str(stage.small.pid)
    terminal.press("/")
    terminal.expect("enter keeps it")
    terminal.press(*pid)
    screen = terminal.expect(lambda screen: label(stage.large) not in screen.split("events")[0])
    assert label(stage.small) in screen
    terminal.press("Enter")
    terminal.expect(f"/{pid} 2 shown")
    terminal.press("Escape")
    terminal.expect(lambda screen: label(stage.large) in screen.split("events")[0])


def test_letters_of_a_filter_are_no_commands(stage: Stage, terminal: Tmux) -> None:
    """`q` would quit, `p` pause, `S` save; with `#` no name, path or pid can match."""
    terminal.press("/", "q", "p", "S", "#", "#", "BSpace")
    terminal.expect("/qpS# ")
    terminal.expect("nothing matches /qpS#")
    assert not list(terminal.folder.glob("ebpftrace-*"))
    terminal.press("C-u", *stage.comm)
    terminal.expect(f"/{stage.comm}")
    screen = terminal.expect(label(stage.large))
    assert "paused" not in screen


def test_w_cycles_through_the_windows(stage: Stage, terminal: Tmux) -> None:
    for window in ("LAST 15m", "LAST 1m", "LAST 5m"):
        terminal.press("w")
        terminal.expect(window)


def test_detail_of_a_job_and_of_a_process(stage: Stage, terminal: Tmux) -> None:
    terminal.press("Enter")
    screen = terminal.expect("headroom")
    assert f"/{stage.cgroup}" in screen
    assert "256 MiB" in screen
    assert TIME_AXIS.search(screen)  # of the chart
    terminal.press("j")
    screen = terminal.expect("unmapped")
    assert str(stage.large.program) in screen.replace("\n", "")
    assert "anon       65" in screen
    terminal.press("Escape")
    terminal.expect("enter detail")


def test_pausing_freezes_the_screen_and_loses_nothing(stage: Stage, terminal: Tmux) -> None:
    terminal.press("p")
    screen = terminal.expect("paused at")
    at = re.search(r"paused at (\S+Z)", screen)
    assert at is not None
    (spawned,) = map(
        int, stage.large.do("spawn " + str(stage.large.named(stage.comm)) + "; sleep 60000")
    )
    screen = terminal.expect("since")
    assert f"paused at {at[1]}" in screen
    assert "2 jobs, 2 processes" in screen
    terminal.press("p")
    terminal.expect("2 jobs, 3 processes")
    os.kill(spawned, signal.SIGKILL)
    stage.large.do("reap")


def test_saving_what_is_shown(stage: Stage, terminal: Tmux) -> None:
    terminal.press("S")
    terminal.expect("saved ebpftrace-")
    (svg,) = terminal.folder.glob("ebpftrace-*.svg")
    (text,) = terminal.folder.glob("ebpftrace-*.txt")
    assert label(stage.large) in text.read_text()
    assert svg.read_text().startswith("<svg")
    terminal.press("j")
    terminal.expect(lambda screen: "saved ebpftrace-" not in screen)


def test_a_detail_that_does_not_fit_is_scrolled(stage: Stage, terminal: Tmux) -> None:
    terminal.resize(80, 18)
    terminal.press("Enter")
    terminal.expect("more lines, PgDn")
    terminal.press("NPage", "NPage")
    terminal.expect(lambda screen: TIME_AXIS.search(screen) and "more lines" not in screen)


def test_help(stage: Stage, terminal: Tmux) -> None:
    terminal.press("?")
    terminal.expect("fold and unfold all jobs")
    terminal.press("x")
    terminal.expect(label(stage.large))
