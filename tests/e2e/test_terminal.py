"""The live table in a real terminal (tmux): it comes, follows, goes, and gives back."""

import re
import shutil
import sys
from collections.abc import Iterator

import pytest

from tests.support.names import unique_comm
from tests.support.tmux import PROMPT, Terminal
from tests.support.workload import Workload

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]


@pytest.fixture
def workload() -> Iterator[Workload]:
    with Workload(unique_comm()) as workload:
        workload.do("map 64MiB")
        workload.do("touch 0")
        yield workload


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with Terminal() as terminal:
        yield terminal


def watch(terminal: Terminal, comm: str) -> None:
    terminal.type(f"{sys.executable} -m ebpftrace watch --comm {comm} --interval 200ms")


def is_prompt(screen: str) -> bool:
    return screen.splitlines()[-1:] == [PROMPT.rstrip()]


def elapsed(screen: str) -> str:
    """The watch's own clock, in the first line of the table."""
    found = re.search(r" · ([0-9.]+m?s) · itself", screen)
    return found[1] if found else ""


def test_a_table_comes_moves_and_goes(terminal: Terminal, workload: Workload) -> None:
    before = terminal.ask("stty -a")
    watch(terminal, workload.comm)
    row = f"{workload.comm} {workload.pid}"
    screen = terminal.wait_for(lambda screen: row in screen)
    for heading in ("JOB", "RSS", "GROWTH", "CHARGE / LIMIT", "FULL IN", "PEAK", "IN 10s"):
        assert heading in screen
    assert re.search(rf"{row} +6[45] MiB", screen)
    assert not terminal.cursor_shows()
    workload.do("map 40MiB")
    workload.do("touch 1")
    terminal.wait_for(lambda screen: bool(re.search(rf"{row} +10[45] MiB", screen)))
    assert terminal.screen().count("JOB") == 1, "it is redrawn in place"

    terminal.press("q")
    screen = terminal.wait_for(is_prompt)
    assert "q was pressed" in screen
    assert f"by {row}, grew 40 MiB" in screen
    assert "loss     none: every event was booked" in screen
    assert terminal.cursor_shows()
    assert terminal.ask("echo code $?") == "code 0"
    assert terminal.ask("stty -a") == before


def test_an_interrupt_ends_it_as_q_does(terminal: Terminal, workload: Workload) -> None:
    before = terminal.ask("stty -a")
    watch(terminal, workload.comm)
    terminal.wait_for(lambda screen: f"{workload.comm} {workload.pid}" in screen)
    terminal.press("C-c")
    screen = terminal.wait_for(is_prompt)
    assert "interrupted by SIGINT" in screen
    assert "Traceback" not in screen
    assert terminal.cursor_shows()
    assert terminal.ask("stty -a") == before


def test_it_waits_in_words_and_other_keys_do_nothing(terminal: Terminal) -> None:
    comm = unique_comm()
    watch(terminal, comm)
    waiting = f"waiting for a process with comm {comm}"
    clock = elapsed(terminal.wait_for(lambda screen: waiting in screen))
    terminal.press("x", "Enter", "Up")
    screen = terminal.wait_for(lambda screen: elapsed(screen) not in ("", clock))
    assert waiting in screen
    terminal.press("q")
    screen = terminal.wait_for(is_prompt)
    assert f"no process with comm {comm} was seen" in screen


def test_it_follows_the_size_down_to_ten_by_five(
    terminal: Terminal, workload: Workload
) -> None:
    watch(terminal, workload.comm)
    terminal.wait_for(lambda screen: "IN 10s" in screen)
    terminal.resize(60, 16)
    terminal.wait_for(lambda screen: screen.startswith("65 MiB") and "IN 10s" not in screen)
    terminal.resize(10, 5)
    screen = terminal.wait_for(lambda screen: "└e2e" in screen)
    assert screen.startswith("65 MiB\n")
    assert len(screen.splitlines()) < 5
    terminal.resize(100, 30)
    screen = terminal.wait_for(lambda screen: "IN 10s" in screen)
    assert f"{workload.comm} {workload.pid}" in screen
    assert screen.count("JOB") == 1
    terminal.press("q")
    terminal.wait_for(is_prompt)


def test_it_begins_in_ten_by_five(workload: Workload) -> None:
    with Terminal(columns=10, lines=5) as terminal:
        watch(terminal, workload.comm)
        terminal.wait_for(lambda screen: "\n65 MiB\n" in screen and "└e2e" in screen)
        terminal.press("q")
        terminal.wait_for(is_prompt)


def test_stopped_and_continued_it_draws_anew(terminal: Terminal, workload: Workload) -> None:
    before = terminal.ask("stty -a")
    watch(terminal, workload.comm)
    terminal.wait_for(lambda screen: f"{workload.comm} {workload.pid}" in screen)
    terminal.press("C-z")
    terminal.wait_for(lambda screen: "Stopped" in screen and is_prompt(screen))
    assert terminal.ask("stty -a") == before
    terminal.type("fg")
    screen = terminal.wait_for(lambda screen: "JOB" in screen and "stty" not in screen)
    assert screen.count("JOB") == 1
    assert "Stopped" not in screen
    terminal.press("q")  # keys are unbuffered again: no Enter is needed
    assert "q was pressed" in terminal.wait_for(is_prompt)
    assert terminal.ask("stty -a") == before
