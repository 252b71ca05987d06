"""Nothing blocks the engine's thread, however slow the world around it is.

What is measured is how long the thread may block at most, by the calls that it makes,
between two waits of the engine: a clock would measure the machine that runs the tests. Time
is scripted, so that a timeout of a minute takes none; hooks, the webhook's server and the
process that is acted on are real. See tests/support/blocking.py.
"""

import os
import socket
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.audit.log import AuditLog
from ebpftrace.act.fuse.holding.watchdog_supervisor import WatchdogSupervisor
from ebpftrace.act.incident.outcome import StepOutcome, StepStatus
from ebpftrace.act.policy.fuse import Fuse
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.act.policy.reader import default_step
from ebpftrace.engine.waiting.waiter import Waiter
from ebpftrace.events import ProcessKey
from ebpftrace.host import bounded, children, proc
from ebpftrace.host.bounded import MOST_OF_OWNER, BoundedReader
from ebpftrace.host.reading import proc_file
from ebpftrace.host.ready import WaitReadable, wait_readable
from ebpftrace.ledger import Snapshot
from ebpftrace.probe import watchdog
from ebpftrace.units import GIB, NS_PER_SECOND
from ebpftrace.views.dashboard.live import Dashboard
from tests.support.blocking import BOUND_SECONDS, BlockingGuard
from tests.support.blocking_rig import acting, resting
from tests.support.fakeroot import FakeRoot
from tests.support.process_state import lives, until
from tests.support.ptys import Pty
from tests.support.scripted_holding import ScriptedHolding
from tests.support.scripted_store import ScriptedStore
from tests.support.scripted_watch import GROUP, ScriptedWatch, fake_key

NOTIFY = default_step("notify", ACTIONS)


def statuses(scripted: ScriptedWatch) -> dict[str, StepStatus]:
    return {step.action: step.status for step in scripted.view.all(StepOutcome)}


def test_hook_that_ignores_term_does_not_block_the_watch(
    tmp_path: Path, guard: BlockingGuard, sleeper: ProcessKey
) -> None:
    line = "trap '' TERM INT HUP; while :; do sleep 0.1; done"
    hung = replace(default_step("shell", ACTIONS, line=line), timeout_ns=NS_PER_SECOND)
    scripted = acting(tmp_path, guard, sleeper, hung, NOTIFY)
    view = scripted.run()
    assert guard.waits == []
    assert statuses(scripted)["shell"] is not StepStatus.DONE
    assert view.times("snapshot")[:5] == [0, 1, 2, 3, 4]


def test_webhook_that_never_answers_does_not_block_the_watch(
    tmp_path: Path, guard: BlockingGuard, sleeper: ProcessKey
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        step = default_step("notify", ACTIONS, url=url, retries=0)
        stuck = replace(step, timeout_ns=2 * NS_PER_SECOND)
        scripted = acting(tmp_path, guard, sleeper, stuck)
        view = scripted.run()
    assert guard.waits == []
    assert statuses(scripted)["notify"] is not StepStatus.DONE
    assert view.times("snapshot")[:5] == [0, 1, 2, 3, 4]


@contextmanager
def hanging_proc(monkeypatch: pytest.MonkeyPatch, pid: int) -> Iterator[None]:
    """Within the block, /proc files of this process that need its mmap lock hang."""
    release, hangs = threading.Event(), threading.Event()
    read = proc_file.proc_chunks

    def hang(folder: Path, read_pid: int, name: str, limit: int) -> Iterator[bytes]:
        if read_pid == pid and name in ("cmdline", "environ"):
            hangs.set()
            release.wait()
        return read(folder, read_pid, name, limit)

    monkeypatch.setattr(proc_file, "proc_chunks", hang)
    monkeypatch.setattr(proc, "proc_chunks", hang)
    monkeypatch.setattr(bounded, "_READER", BoundedReader(lambda _thread: hangs.is_set(), 1e-5))
    try:
        yield
    finally:
        release.set()


def test_process_whose_proc_files_hang_does_not_block_the_watch(
    tmp_path: Path, guard: BlockingGuard, sleeper: ProcessKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted = resting(ScriptedWatch(tmp_path), guard)
    scripted.at(1.5, lambda: scripted.start(sleeper))
    with hanging_proc(monkeypatch, sleeper.pid):
        view = scripted.run()
    assert guard.waits == []
    last = view.all(Snapshot)[-1]
    assert [process.key for job in last.jobs for process in job.processes] == [sleeper]
    assert last.losses["proc_timeouts"] >= 1


def test_all_reads_of_a_user_that_may_hang_together_block_no_longer_than_the_bound() -> None:
    assert MOST_OF_OWNER * bounded.PATIENCE_SECONDS <= BOUND_SECONDS


def test_descendants_are_found_without_a_look_at_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeRoot(tmp_path)
    for pid in range(100, 1100):
        (fake.proc / str(pid)).mkdir(parents=True)
    family = {"self": [], "50": [51, 52], "51": [53], "52": [], "53": []}
    for name, born in family.items():
        folder = fake.proc / f"{name}/task/1"
        folder.mkdir(parents=True)
        (folder / "children").write_text(" ".join(map(str, born)))
    for pid, parent in ((50, 1), (51, 50), (52, 50), (53, 51)):
        fake.process(pid, parent)
    listed: set[Path] = set()

    def recorded(original: Callable[[Path], Any]) -> Callable[[Path], Any]:
        def list_folder(folder: Path) -> Any:
            listed.add(Path(folder))
            return original(folder)

        return list_folder

    for name in ("listdir", "scandir"):
        monkeypatch.setattr(os, name, recorded(getattr(os, name)))
    start = ProcessKey(50, 50 * 10 * NS_PER_SECOND // os.sysconf("SC_CLK_TCK"))
    assert [stat.pid for stat in children.descendants([start], fake.proc)] == [51, 52, 53]
    assert listed == {fake.proc / f"{pid}/task" for pid in ("self", 50, 51, 52, 53)}


def test_hundreds_of_processes_that_start_do_not_block_the_watch(
    tmp_path: Path, guard: BlockingGuard
) -> None:
    scripted = resting(ScriptedWatch(tmp_path), guard)
    for number in range(500):
        scripted.at(1.5, partial(scripted.start, fake_key(number)))
    view = scripted.run(duration_ns=2 * NS_PER_SECOND)
    assert guard.waits == []
    assert sum(len(job.processes) for job in view.all(Snapshot)[-1].jobs) == 500


STUCK = "import signal\nsignal.pause()\n"
FUSE = Policy("fuse", Match(), (), Mode.ANY, (), grace_ns=0, fuse=Fuse(GIB, False))


class SupervisedHolding(ScriptedHolding):
    """With a real process in place of the watchdog."""

    def __init__(self) -> None:
        super().__init__()
        self.supervisor = WatchdogSupervisor(0)

    def close(self, wait: WaitReadable = wait_readable) -> None:
        super().close(wait)
        self.supervisor.close(wait)


def test_watchdog_that_does_not_end_does_not_block_the_end(
    tmp_path: Path, guard: BlockingGuard, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "stuck.py"
    script.write_text(STUCK)
    monkeypatch.setattr(watchdog, "__file__", str(script))
    scripted = resting(ScriptedWatch(tmp_path, policies=(FUSE,), fuses=True), guard)
    scripted.holding = holding = SupervisedHolding()
    process = holding.supervisor._process
    assert process is not None
    with process:
        try:
            view = scripted.run()
            assert lives(process.pid)
        finally:
            process.kill()
    assert guard.waits == []
    assert (holding.closed, view.times("end")) == (True, [5])
    assert scripted.time.seconds >= 10  # what it waited for the watchdog is scripted, too


def test_disk_that_does_not_answer_does_not_block_the_watch(
    tmp_path: Path, guard: BlockingGuard, sleeper: ProcessKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, earlier = threading.Event(), set(threading.enumerate())
    monkeypatch.setattr(os, "fdatasync", lambda _fd: answers.wait())
    scripted = acting(tmp_path, guard, sleeper, NOTIFY)
    try:
        view = scripted.run()
        assert guard.waits == []
        assert statuses(scripted)["notify"] is StepStatus.DONE
        assert (view.times("end"), scripted.time.seconds) == ([5], 10)
        AuditLog(tmp_path / "audit.jsonl").close(lambda _fd, _seconds: False)
    finally:
        answers.set()
    until(
        lambda: "audit" not in {one.name for one in threading.enumerate() if one not in earlier}
    )


def test_terminal_that_takes_nothing_does_not_block_the_end(
    tmp_path: Path, guard: BlockingGuard
) -> None:
    terminal = Pty()
    scripted = resting(ScriptedWatch(tmp_path), guard)
    dashboards: list[Dashboard] = []

    def open_dashboard(waiter: Waiter) -> Dashboard:
        made = Dashboard(
            terminal.stdout, waiter.quit, waiter.submit, waiter.wait_until_readable
        )
        dashboards.append(made)
        return made

    scripted.open_view = open_dashboard  # type: ignore[assignment,method-assign]
    termios.tcflow(terminal.stdout, termios.TCOOFF)
    scripted.run()
    assert guard.waits == []
    assert scripted.time.seconds >= 8  # it gave up on the terminal
    (dashboard,) = dashboards
    until(lambda: not dashboard._loop._thread.is_alive())
    terminal.close()


def test_history_that_hangs_does_not_block_the_watch(
    tmp_path: Path, guard: BlockingGuard
) -> None:
    release = threading.Event()
    scripted = resting(ScriptedWatch(tmp_path), guard)
    scripted.history = ScriptedStore(before=release.wait)
    scripted.at(0.5, lambda: scripted.start(fake_key()))
    scripted.at(2.5, lambda: scripted.exit(fake_key()))
    scripted.at(3.5, lambda: scripted.remove_cgroup(GROUP, "/ci"))
    scripted.at(4.5, release.set)
    view = scripted.run()
    assert guard.waits == []
    assert view.times("snapshot")[:5] == [0, 1, 2, 3, 4]
    until(lambda: bool(scripted.history and scripted.history.closed))
    assert len(scripted.history.kept) == 1
