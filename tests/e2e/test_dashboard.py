"""The dashboard as a user has it: in a real terminal, with real keys and processes."""

import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.support.cgroups import memory_cgroup
from tests.support.names import unique_comm
from tests.support.tmux import Tmux
from tests.support.workload import Workload

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]

WATCH = (sys.executable, "-m", "ebpftrace", "watch")
MODES = "stty -a"


@dataclass(frozen=True)
class Stage:
    """Two processes of one name, in a cgroup each; the larger one has a limit, and its job
    is the last by name.
    """

    comm: str
    large: Workload
    small: Workload
    cgroup: str  # the large one's, without its slash


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    comm = unique_comm()
    with ExitStack() as stack:
        groups = [stack.enter_context(memory_cgroup()) for _ in range(2)]
        other, limited = sorted(groups, key=lambda group: group.path.name)
        limited.limit(256 << 20)
        large = stack.enter_context(Workload(comm, cgroup=limited))
        small = stack.enter_context(Workload(comm, cgroup=other))
        large.do("map 64MiB")
        large.do("touch 0")
        small.do("map 16MiB")
        small.do("touch 0")
        yield Stage(comm, large, small, limited.path.name)


@pytest.fixture
def terminal(stage: Stage) -> Iterator[Tmux]:
    with Tmux(100, 30) as tmux:
        begin(tmux, stage)
        yield tmux


def begin(tmux: Tmux, stage: Stage, *more: str) -> None:
    tmux.run([*WATCH, "--comm", stage.comm, *more])
    tmux.wait_for(lambda screen: "LIMIT" in screen and label(stage.large) in screen)


def label(workload: Workload) -> str:
    return f"{workload.comm} {workload.pid}"


def shows(there: str, not_there: str, screen: str) -> bool:
    """Whether a line of the screen matches, and another text is on none."""
    return bool(re.search(there, screen, re.MULTILINE)) and not_there not in screen


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


def wait_chosen(tmux: Tmux, text: str) -> None:
    tmux.wait_for(lambda _: text in chosen(tmux))


def test_it_shows_the_jobs_and_their_processes(stage: Stage, terminal: Tmux) -> None:
    screen = terminal.wait_for("25%")  # 65 MiB and what else is charged, of 256
    assert row(screen, label(stage.large)) < row(screen, label(stage.small))
    assert "2 jobs, 2 processes" in screen
    assert "nothing missed" in screen
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
        wait_chosen(terminal, text)


def test_folding(stage: Stage, terminal: Tmux) -> None:
    large, small = label(stage.large), label(stage.small)
    terminal.press("Space")
    terminal.wait_for(lambda screen: large not in screen.split("events")[0] and small in screen)
    terminal.press("Space")
    terminal.wait_for(lambda screen: large in screen.split("events")[0])
    terminal.press("z")
    terminal.wait_for(lambda screen: "▸" in screen and "▾" not in screen)
    terminal.press("Right")
    terminal.wait_for(lambda screen: large in screen.split("events")[0] and "▸" in screen)
    terminal.press("Left")
    terminal.wait_for(lambda screen: "▾" not in screen)
    terminal.press("z")
    terminal.wait_for(lambda screen: "▸" not in screen)


def test_sorting(stage: Stage, terminal: Tmux) -> None:
    large, small = label(stage.large), label(stage.small)
    for order, first in (
        ("by growth", large),  # neither grows: the larger one
        ("by time to limit", large),  # the other has none
        ("by name", small),
        ("by size", large),
    ):
        terminal.press("s")
        screen = terminal.wait_for(order).split("events")[0]
        assert min(large, small, key=lambda one: row(screen, one)) == first, order


def test_filtering_as_one_types(stage: Stage, terminal: Tmux) -> None:
    pid = str(stage.small.pid)
    terminal.press("/")
    terminal.wait_for("enter keeps it")
    terminal.press(*pid)
    screen = terminal.wait_for(
        lambda screen: label(stage.large) not in screen.split("events")[0]
    )
    assert label(stage.small) in screen
    terminal.press("Enter")
    terminal.wait_for(f"/{pid} 2 shown")
    terminal.press("Escape")
    terminal.wait_for(lambda screen: label(stage.large) in screen.split("events")[0])


def test_letters_of_a_filter_are_no_commands(stage: Stage, terminal: Tmux) -> None:
    """`q` would quit, `p` pause, `S` save; with `#` no name, path or pid can match."""
    terminal.press("/", "q", "p", "S", "#", "#", "BSpace")
    terminal.wait_for("/qpS# ")
    terminal.wait_for("nothing matches /qpS#")
    assert not list(terminal.folder.glob("ebpftrace-*"))
    terminal.press("C-u", *stage.comm)
    terminal.wait_for(f"/{stage.comm}")
    screen = terminal.wait_for(label(stage.large))
    assert "paused" not in screen


def test_the_window(stage: Stage, terminal: Tmux) -> None:
    for window in ("LAST 15m", "LAST 1m", "LAST 5m"):
        terminal.press("w")
        terminal.wait_for(window)


def test_detail_of_a_job_and_of_a_process(stage: Stage, terminal: Tmux) -> None:
    terminal.press("Enter")
    screen = terminal.wait_for("headroom")
    assert f"/{stage.cgroup}" in screen
    assert "256 MiB" in screen
    assert "-5m" in screen  # the chart's axis
    terminal.press("j")
    screen = terminal.wait_for("unmapped")
    assert str(stage.large.program) in screen.replace("\n", "")
    assert "anon       65" in screen
    terminal.press("Escape")
    terminal.wait_for("enter detail")


def test_pausing_freezes_the_screen_and_loses_nothing(stage: Stage, terminal: Tmux) -> None:
    terminal.press("p")
    screen = terminal.wait_for("paused at")
    at = re.search(r"paused at (\S+Z)", screen)
    assert at is not None
    (spawned,) = map(
        int, stage.large.do("spawn " + str(stage.large.named(stage.comm)) + "; sleep 60000")
    )
    screen = terminal.wait_for("since")
    assert f"paused at {at[1]}" in screen
    assert "2 jobs, 2 processes" in screen
    terminal.press("p")
    terminal.wait_for("2 jobs, 3 processes")
    os.kill(spawned, signal.SIGKILL)
    stage.large.do("reap")


def test_saving_what_is_shown(stage: Stage, terminal: Tmux) -> None:
    terminal.press("S")
    terminal.wait_for("saved ebpftrace-")
    (svg,) = terminal.folder.glob("ebpftrace-*.svg")
    (text,) = terminal.folder.glob("ebpftrace-*.txt")
    assert label(stage.large) in text.read_text()
    assert svg.read_text().startswith("<svg")
    terminal.press("j")
    terminal.wait_for(lambda screen: "saved ebpftrace-" not in screen)


def test_drawing_anew(stage: Stage, terminal: Tmux) -> None:
    """Whatever wrote on the terminal: here the test itself."""
    terminal.tty().write_text("\x1b[20;5Hrubbish")  # on a line that does not change
    terminal.wait_for("rubbish")
    terminal.press("C-l")
    screen = terminal.wait_for(lambda screen: "rubbish" not in screen)
    assert label(stage.large) in screen
    assert "quit" in screen


def test_a_detail_that_does_not_fit_is_scrolled(stage: Stage, terminal: Tmux) -> None:
    terminal.resize(80, 18)
    terminal.press("Enter")
    terminal.wait_for("more lines, PgDn")
    terminal.press("NPage", "NPage")
    terminal.wait_for(lambda screen: "-2m30s" in screen and "more lines" not in screen)


def test_help(stage: Stage, terminal: Tmux) -> None:
    terminal.press("?")
    terminal.wait_for("fold and unfold all jobs")
    terminal.press("x")
    terminal.wait_for(label(stage.large))


@pytest.mark.parametrize("key", ["q", "C-c", "C-d"])
def test_quitting_gives_the_terminal_back(stage: Stage, key: str) -> None:
    with Tmux() as tmux:
        before = tmux.shell(MODES, "before")
        begin(tmux, stage)
        tmux.press(key)
        screen = tmux.wait_for("none: every event was booked\nshell>")
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
        tmux.wait_for("none: every event was booked\nshell>")
        assert tmux.shell(MODES, "after") == before


def test_suspended_and_back(stage: Stage) -> None:
    with Tmux() as tmux:
        before = tmux.shell(MODES, "before")
        begin(tmux, stage)
        for _ in range(2):
            tmux.press("C-z")
            tmux.wait_for("Stopped")
            assert tmux.shell(MODES, "stopped") == before
            (tmux.folder / "stopped").unlink()
            tmux.run(["fg"])
            tmux.wait_for(lambda screen: "quit" in screen and label(stage.large) in screen)
            tmux.press("z")  # keys are ours again
            tmux.wait_for("▸")
            tmux.press("z")
        tmux.press("q")
        tmux.wait_for("none: every event was booked\nshell>")


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
        terminal.wait_for(partial(shows, there, not_there))
    screen = terminal.wait_for(lambda screen: "quit" in screen.splitlines()[-1])
    assert label(stage.large) in screen


def test_a_stopped_terminal_loses_frames_and_no_events(stage: Stage) -> None:
    with Tmux() as tmux:
        begin(tmux, stage)
        tmux.press("C-s")
        pid = watch_of(stage)
        stage.small.do("burst 300 1000; exit 0")
        # Nobody reads the terminal; the road goes on: it books what happens, and ends
        # when it is told to, without waiting for anyone.
        time.sleep(1.5)
        os.kill(pid, signal.SIGTERM)
        screen = tmux.wait_for("none: every event was booked\nshell>")
        assert "302 processes" in screen


def test_no_color_and_sixteen_colours(stage: Stage) -> None:
    for terminal, environment, colours in (
        ("tmux-256color", {"NO_COLOR": "1"}, set()),
        ("xterm", {"COLORTERM": ""}, {"34"}),
    ):
        with Tmux(environment=environment, terminal=terminal) as tmux:
            begin(tmux, stage)
            codes = re.findall(r"\x1b\[([0-9;]*)m", tmux.screen(styles=True))
            used = {code for part in codes for code in part.split(";")}
            assert colours <= used
            assert not {code for code in used - colours if re.match("3[0-8]|4[0-8]", code)}


def test_a_dumb_terminal_gets_tables_one_below_the_other(stage: Stage) -> None:
    with Tmux(terminal="dumb") as tmux:
        tmux.run([*WATCH, "--comm", stage.comm, "--duration", "2s"])
        screen = tmux.wait_for("the time is over")
        assert label(stage.large) in screen


def test_a_screenshot_needs_no_terminal(stage: Stage, tmp_path: Path) -> None:
    with Tmux() as tmux:
        told = tmux.shell(
            f"{' '.join(WATCH)} --comm {stage.comm} --screenshot one.svg --size 90x20 "
            "</dev/null 2>&1 | cat",
            "told",
        )
        assert told == ""
        picture = (tmux.folder / "one.svg").read_text()
        assert stage.comm in picture
        assert 'xml:space="preserve"' in picture
        assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")
        told = tmux.shell(
            f"{' '.join(WATCH)} --comm {stage.comm} --screenshot no/one.svg 2>&1; true", "none"
        )
        assert told.startswith("ebpftrace: the screenshot was not written")


def test_it_waits_in_words_and_follows_what_comes() -> None:
    comm = unique_comm()
    with Tmux(10, 5) as tmux:  # the smallest it says anything in
        tmux.run([*WATCH, "--comm", comm, "--interval", "200ms"])
        tmux.wait_for("waiting f…")
        tmux.resize(100, 30)
        tmux.wait_for(f"waiting for a process with comm {comm}…")
        with Workload(comm) as workload:
            workload.do("map 64MiB")
            workload.do("touch 0")
            tmux.wait_for(lambda screen: re.search(rf"{label(workload)} +6[45] MiB", screen))
            workload.do("map 40MiB")
            workload.do("touch 1")
            tmux.wait_for(lambda screen: re.search(rf"{label(workload)} +10[45] MiB", screen))
        tmux.wait_for(f"exit {comm}")
        tmux.press("q")
        tmux.wait_for("none: every event was booked\nshell>")


def test_a_kill_is_told_with_its_time_and_hides_no_danger() -> None:
    comm = unique_comm()
    with (
        memory_cgroup(limit=160 << 20) as group,
        Workload(comm, cgroup=group) as keeper,
        Workload(comm, cgroup=group) as victim,
        Tmux(120, 30) as tmux,
    ):
        (Path("/proc") / str(victim.pid) / "oom_score_adj").write_text("1000")
        keeper.do("map 148MiB")
        keeper.do("touch 0")
        tmux.run([*WATCH, "--comm", comm])
        tmux.wait_for(lambda screen: "! ▾ " in screen and label(victim) in screen)
        victim.do("map 64MiB")
        victim.send("touch 0")  # it does not live to answer
        screen = tmux.wait_for("!✗▾ ")
        assert re.search(r"!✗ \S+ at \d+%.*, 1 oom kill at \d\d:\d\d:\d\d", screen)
        assert f"({label(keeper)})" in screen
        tmux.press("Enter")
        screen = tmux.wait_for(" last kill ")
        assert f", {label(victim)}" in screen


def watch_of(stage: Stage) -> int:
    """The pid of the watch of this stage's processes."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if words[1:4] == [b"-m", b"ebpftrace", b"watch"] and stage.comm.encode() in words:
            return int(entry.parent.name)
    raise AssertionError("it does not run")
