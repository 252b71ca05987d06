"""The terminal that the dashboard is in: of any size and kind, and given back as it was."""

import os
import re
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from tests.support.dashboard_stage import SUMMARY_ENDS, WATCH, Stage, begin, label, watch_of
from tests.support.tmux import NEEDS_TMUX, Tmux

pytestmark = [pytest.mark.kernel, NEEDS_TMUX]

MODES = "stty -a"


def shows(there: str, not_there: str, screen: str) -> bool:
    """Whether a line of the screen matches, and another text is on none."""
    return bool(re.search(there, screen, re.MULTILINE)) and not_there not in screen


def test_drawing_anew(stage: Stage, terminal: Tmux) -> None:
    """Whatever wrote on the terminal: here the test itself."""
    terminal.tty().write_text("\x1b[20;5Hrubbish")  # on a line that does not change
    terminal.expect("rubbish")
    terminal.press("C-l")
    screen = terminal.expect(lambda screen: "rubbish" not in screen)
    assert label(stage.large) in screen
    assert "quit" in screen


@pytest.mark.parametrize("key", ["q", "C-c", "C-d"])
def test_quitting_gives_the_terminal_back(stage: Stage, key: str) -> None:
    with Tmux() as tmux:
        before = tmux.shell(MODES, "before")
        begin(tmux, stage)
        tmux.press(key)
        screen = tmux.expect(SUMMARY_ENDS.search)
        assert f"--comm {stage.comm}" in screen.replace("\n", "")  # the shell's own is back
        assert label(stage.large) in screen  # in the summary, with its peak
        assert tmux.shell(MODES, "after") == before
        assert "code 0" in tmux.shell("echo code $?", "code")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_gives_the_terminal_back(stage: Stage, number: signal.Signals) -> None:
    with Tmux() as tmux:
        before = tmux.shell(MODES, "before")
        begin(tmux, stage)
        os.kill(watch_of(stage), number)
        tmux.expect(SUMMARY_ENDS.search)
        assert tmux.shell(MODES, "after") == before


def test_suspended_and_back(stage: Stage) -> None:
    with Tmux() as tmux:
        before = tmux.shell(MODES, "before")
        begin(tmux, stage)
        for _ in range(2):
            tmux.press("C-z")
            tmux.expect("Stopped")
            assert tmux.shell(MODES, "stopped") == before
            (tmux.folder / "stopped").unlink()
            tmux.run(["fg"])
            tmux.expect(lambda screen: "quit" in screen and label(stage.large) in screen)
            tmux.press("z")  # keys are ours again
            tmux.expect("▸")
            tmux.press("z")
        tmux.press("q")
        tmux.expect(SUMMARY_ENDS.search)


def test_a_storm_of_resizes(stage: Stage, terminal: Tmux) -> None:
    for number in range(40):
        terminal.resize(20 + number * 37 % 180, 5 + number * 11 % 50)
    for columns, lines, there, not_there in (
        (10, 5, r"\d+M$", "JOB"),
        (40, 12, "FULL IN", "GROWTH"),
        (200, 60, "headroom", "no such text"),
        (100, 30, "GROWTH", "headroom"),
    ):
        terminal.resize(columns, lines)
        terminal.expect(partial(shows, there, not_there))
    screen = terminal.expect(lambda screen: "quit" in screen.splitlines()[-1])
    assert label(stage.large) in screen


def test_a_stopped_terminal_loses_frames_and_no_events(stage: Stage) -> None:
    with Tmux() as tmux:
        begin(tmux, stage)
        tmux.press("C-s")
        pid = watch_of(stage)
        stage.small.do("burst 300 1000; exit 0")
        # Nothing reads the terminal; the watch still counts events, and ends when it
        # is asked to, without waiting for a reader.
        time.sleep(1.5)
        os.kill(pid, signal.SIGTERM)
        screen = tmux.expect(SUMMARY_ENDS.search)
        if "missed runs" not in screen:
            assert "302 processes" in screen


def test_no_color_and_sixteen_colours(stage: Stage) -> None:
    for terminal, environment, colours, never in (
        ("tmux-256color", {"NO_COLOR": "1"}, set(), "3[0-8]|4[0-8]"),
        ("xterm", {"COLORTERM": ""}, {"34"}, "[34]8"),  # the sequence for more colours
    ):
        with Tmux(environment=environment, terminal=terminal) as tmux:
            begin(tmux, stage)
            codes = re.findall(r"\x1b\[([0-9;]*)m", tmux.screen(styles=True))
            used = {code for part in codes for code in part.split(";")}
            assert colours <= used
            assert not {code for code in used if re.match(never, code)}


def test_a_dumb_terminal_gets_tables_one_below_the_other(stage: Stage) -> None:
    with Tmux(terminal="dumb") as tmux:
        tmux.run([*WATCH, "--comm", stage.comm, "--duration", "2s"])
        screen = tmux.expect("the duration has elapsed")
        assert label(stage.large) in screen


def test_a_screenshot_needs_no_terminal(stage: Stage, tmp_path: Path) -> None:
    with Tmux() as tmux:
        output = tmux.shell(
            f"{' '.join(WATCH)} --comm {stage.comm} --screenshot one.svg --size 90x20 "
            "</dev/null 2>&1 | cat",
            "screenshot",
        )
        assert output == ""
        picture = (tmux.folder / "one.svg").read_text()
        assert stage.comm in picture
        assert 'xml:space="preserve"' in picture
        assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")
        output = tmux.shell(
            f"{' '.join(WATCH)} --comm {stage.comm} --screenshot no/one.svg 2>&1; true", "none"
        )
        assert output.startswith("ebpftrace: the screenshot was not written")
