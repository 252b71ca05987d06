"""The whole life of a watch, in scripted time: how it starts, ends and cleans up."""

import contextlib
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.act.audit.log import AuditLog
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.act.policy.store import PolicyStore
from ebpftrace.engine.watch import watch
from ebpftrace.errors import GoneError, ProbeError
from ebpftrace.ledger import Snapshot
from ebpftrace.ledger.notes import LossNote, OomNote
from ebpftrace.probe import Selection
from ebpftrace.units import MIB, NS_PER_SECOND
from ebpftrace.views.start import RemarkKind, Started
from tests.support.conditions import level
from tests.support.incidents import key_of
from tests.support.process_state import until
from tests.support.scripted_watch import ScriptedWatch, fake_key

GOPLS = fake_key()
POLICY = Policy("leaks", Match(), (level(64 * MIB),), Mode.ANY, ())


@pytest.fixture
def scripted(tmp_path: Path) -> ScriptedWatch:
    return ScriptedWatch(tmp_path)


def open_descriptors() -> list[str]:
    """Without eventfds, which only the scripted probe has, and without what is in /proc.

    The list of all processes is read a part at each tick: with many, it is open at the end.
    """
    links = []
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread of an earlier test closes it
            links.append(str(path.readlink()))
    return sorted(link for link in links if "eventfd" not in link and link[:5] != "/proc")


def handlers() -> list[Any]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    return [signal.getsignal(number) for number in numbers]


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    """Every test here: neither a descriptor nor a signal handler is left.

    The audit log's thread closes its files in its own time: a scripted wait for it is none.
    So may one of an earlier test, whose files were open before.
    """
    descriptors, signals = open_descriptors(), handlers()
    yield
    until(lambda: not Counter(open_descriptors()) - Counter(descriptors))
    assert handlers() == signals


def test_view_gets_start_then_a_snapshot_each_interval_then_the_end(
    scripted: ScriptedWatch,
) -> None:
    scripted.at(0.5, lambda: scripted.start(GOPLS, mib=10))
    scripted.at(1.5, lambda: scripted.probe.hold(GOPLS, 20))
    view = scripted.run(duration_ns=3 * NS_PER_SECOND)
    assert [method for _, method, _ in view.calls] == [
        "start", "snapshot", "note", "snapshot", "snapshot", "end", "stop",
    ]  # fmt: skip
    assert view.times("snapshot") == [0, 1, 2]
    assert (view.times("note"), view.times("end")) == ([0.5], [3])
    held = [snapshot.usage.anon_bytes // MIB for snapshot in view.all(Snapshot)]
    assert held == [0, 10, 20, 20]
    assert view.reason == "the duration has elapsed"


def test_start_says_what_is_watched_and_how(scripted: ScriptedWatch) -> None:
    (started,) = scripted.run(once=True).all(Started)
    assert (started.watching, started.cgroups) == ("comm gopls", "v1")
    assert ("memory", "scripted") in started.features
    assert "nothing here is real" in started.remarks


def test_once_takes_one_snapshot_and_needs_no_audit_log(tmp_path: Path) -> None:
    scripted = ScriptedWatch(tmp_path, policies=(POLICY,))
    view = scripted.run(once=True)
    assert (view.reason, view.times("snapshot")) == ("one reading", [0])
    assert not (tmp_path / "audit.jsonl").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_ends_the_watch_at_once(scripted: ScriptedWatch, number: signal.Signals) -> None:
    scripted.at(2.5, lambda: signal.raise_signal(number))
    view = scripted.run()
    assert view.reason == f"interrupted by {number.name}"
    assert view.times("end") == [2.5]


def test_signal_that_arrives_while_the_probe_loads_ends_the_watch(
    scripted: ScriptedWatch,
) -> None:
    scripted.on_open = lambda _resources: signal.raise_signal(signal.SIGTERM)
    view = scripted.run()
    assert view.reason == "interrupted by SIGTERM"
    assert view.times("end") == [0]


def test_q_ends_the_watch(scripted: ScriptedWatch) -> None:
    def press_q() -> None:
        assert scripted.waiter is not None
        scripted.waiter.quit()

    scripted.at(1.25, press_q)
    view = scripted.run()
    assert (view.reason, view.times("end")) == ("q was pressed", [1.25])


def test_reader_that_left_ends_the_watch_without_a_summary(scripted: ScriptedWatch) -> None:
    reader, writer = os.pipe()

    def add_reader(method: str) -> None:
        if method == "start" and scripted.waiter is not None:
            scripted.waiter.add_reader(stdout)

    with os.fdopen(writer, "w") as stdout:
        scripted.view.on_call = add_reader
        scripted.at(1.5, lambda: os.close(reader))
        with pytest.raises(BrokenPipeError):
            scripted.run()
    assert scripted.view.times("snapshot") == [0, 1]
    assert scripted.view.times("stop") == [1.5]
    assert scripted.view.reason is None


def test_watch_ends_when_the_named_processes_have(tmp_path: Path) -> None:
    own = key_of(os.getpid())
    scripted = ScriptedWatch(tmp_path, Selection(pids=(own.pid,)))
    scripted.start(own)
    scripted.at(1.5, lambda: scripted.exit(own))
    view = scripted.run()
    assert view.reason == "every named process has ended"
    assert view.times("end") == [2]


def test_watch_ends_when_the_named_cgroups_are_gone(tmp_path: Path) -> None:
    scripted = ScriptedWatch(tmp_path, Selection(cgroups=("/a", "/b")))
    for name, seconds in (("a", 0.5), ("b", 1.5)):
        folder = tmp_path / name
        folder.mkdir()
        scripted.at(seconds, partial(scripted.remove_cgroup, folder.stat().st_ino, f"/{name}"))
    view = scripted.run()
    assert view.reason == "every named cgroup is gone"
    assert view.times("end") == [2]


def test_oom_kill_is_reported_at_once(scripted: ScriptedWatch) -> None:
    scripted.start(GOPLS)
    scripted.at(1.5, lambda: scripted.oom_kill(GOPLS))
    view = scripted.run()
    (note,) = view.all(OomNote)
    assert [seconds for seconds, _, value in view.calls if value is note] == [1.5]
    assert note.monotonic_ns == scripted.time.now_ns - 3.5 * NS_PER_SECOND
    assert view.all(Snapshot)[-1].node_oom_kills == 1


def test_losses_are_noted_and_in_the_snapshots(scripted: ScriptedWatch) -> None:
    scripted.at(0.5, lambda: scripted.probe.losses.update(ring_exit=12))
    view = scripted.run()
    assert [snapshot.losses.get("ring_exit") for snapshot in view.all(Snapshot)][:2] == [
        None,
        12,
    ]
    assert [note.count for note in view.all(LossNote)] == [12]


def test_late_reading_is_reported_as_lag_and_not_made_up_for(scripted: ScriptedWatch) -> None:
    slow = iter([0, 1.7])
    scripted.probe.on_read = lambda: scripted.time.advance(next(slow, 0))
    view = scripted.run(duration_ns=4 * NS_PER_SECOND)
    snapshots = view.all(Snapshot)[:-1]
    lags = [snapshot.cost.lag_ns / NS_PER_SECOND for snapshot in snapshots]
    assert [round(lag, 3) for lag in lags] == [0, 0, 0, 0]
    assert [round(seconds, 3) for seconds in view.times("snapshot")] == [0, 2.7, 2.7, 3.7]


def test_events_that_never_stop_do_not_keep_a_tick_from_coming(
    scripted: ScriptedWatch,
) -> None:
    def flood(method: str) -> None:
        """Each note takes a while to show, and by then there is another event."""
        if method == "note":
            scripted.time.advance(0.01)
            scripted.oom_kill(GOPLS)

    scripted.view.on_call = flood
    scripted.at(0.5, lambda: scripted.oom_kill(GOPLS))
    view = scripted.run(duration_ns=3 * NS_PER_SECOND)
    assert len(view.times("note")) > 200
    assert [round(seconds, 1) for seconds in view.times("snapshot")] == [0, 1, 2]
    assert view.reason == "the duration has elapsed"


def test_nothing_is_opened_after_a_named_process_is_missing(tmp_path: Path) -> None:
    scripted = ScriptedWatch(tmp_path, Selection(pids=(GOPLS.pid,)))
    with pytest.raises(GoneError, match="there is no process"):
        scripted.run()
    assert scripted.view.calls == []
    assert scripted.probe.asked == []


def test_probe_that_cannot_load_leaves_nothing_open(tmp_path: Path) -> None:
    def fail(_resources: object) -> None:
        raise ProbeError("no kernel")

    scripted = ScriptedWatch(tmp_path, policies=(POLICY,))
    scripted.on_open = fail
    with pytest.raises(ProbeError):
        scripted.run()
    assert [method for _, method, _ in scripted.view.calls] == ["stop"]
    with closing(AuditLog(tmp_path / "audit.jsonl")):  # its lock is free again
        pass


@pytest.mark.parametrize("method", ["start", "snapshot", "end"])
def test_view_that_fails_leaves_nothing_attached(tmp_path: Path, method: str) -> None:
    def fail(called: str) -> None:
        if called == method:
            raise OSError("disk full")

    scripted = ScriptedWatch(tmp_path, policies=(POLICY,))
    scripted.view.on_call = fail
    with pytest.raises(OSError, match="disk full"):
        scripted.run()
    assert scripted.probe.asked[-1] == ("close",)
    assert scripted.view.calls[-1][1] == "stop"


def test_second_view_that_cannot_be_opened_stops_the_first(scripted: ScriptedWatch) -> None:
    def fail(_waiter: object) -> Any:
        raise PermissionError("no such file")

    with pytest.raises(PermissionError):
        watch(scripted.request, [scripted.open_view, fail], scripted.environment)
    assert [method for _, method, _ in scripted.view.calls] == ["stop"]
    assert scripted.probe.asked == []


def test_views_are_open_before_anything_is_attached(scripted: ScriptedWatch) -> None:
    opened: list[bool] = []
    scripted.on_open = lambda _resources: opened.append(scripted.waiter is not None)
    scripted.run(once=True)
    assert opened == [True]


def test_several_views_get_the_same(scripted: ScriptedWatch, tmp_path: Path) -> None:
    other = ScriptedWatch(tmp_path).view
    scripted.start(GOPLS)
    scripted.at(1.5, lambda: scripted.oom_kill(GOPLS))
    watch(scripted.request, [scripted.open_view, lambda _waiter: other], scripted.environment)
    given = [[value for _, method, value in view.calls] for view in (scripted.view, other)]
    assert given[0] == given[1]
    assert len(given[0]) > 10


def test_probe_is_closed_before_the_view_is_stopped(scripted: ScriptedWatch) -> None:
    closed: list[bool] = []
    scripted.view.on_call = lambda method: closed.append(("close",) in scripted.probe.asked)
    scripted.run(once=True)
    assert closed == [False, False, False, True]


def test_remarks_of_the_resources_and_of_the_protection_are_shown(tmp_path: Path) -> None:
    scripted = ScriptedWatch(tmp_path, policies=(POLICY,))
    scripted.on_open = lambda resources: resources.remarks.append("no socket")
    environment = scripted.environment._replace(protect=lambda: ["mlockall failed"])
    watch(scripted.request, [scripted.open_view], environment)
    assert scripted.view.remarks == ["no socket", "mlockall failed"]


def test_garbage_is_collected_once_the_first_snapshot_is_shown(scripted: ScriptedWatch) -> None:
    called: list[list[str]] = []
    environment = scripted.environment._replace(
        all_is_imported=lambda: called.append([method for _, method, _ in scripted.view.calls]),
    )
    watch(scripted.request, [scripted.open_view], environment)
    assert called == [["start", "snapshot"]]


def test_process_is_not_protected_without_a_breaker(scripted: ScriptedWatch) -> None:
    environment = scripted.environment._replace(protect=lambda: ["mlockall failed"])
    watch(scripted.request, [scripted.open_view], environment)
    assert scripted.view.remarks == []


def test_hang_up_reloads_policies_of_a_file(tmp_path: Path) -> None:
    """And only there: the policies of the command line cannot be read again."""
    file = tmp_path / "policy.toml"
    when, then = '{ detector = "level", bound = "90%" }', '{ action = "notify" }'
    file.write_text(f'[[policy]]\nname = "a"\nwhen = [{when}]\nthen = [{then}]\n')
    file.chmod(0o644)
    scripted = ScriptedWatch(tmp_path, store=PolicyStore(file))
    scripted.at(1.5, lambda: signal.raise_signal(signal.SIGHUP))
    view = scripted.run()
    assert view.remarks == ["1 policy reloaded"]
    assert view.times("remark") == [1.5]
    assert view.reason == "the duration has elapsed"


def test_hang_up_of_a_service_without_a_policy_ends_nothing(scripted: ScriptedWatch) -> None:
    scripted.at(1.5, lambda: signal.raise_signal(signal.SIGHUP))
    request = scripted.request._replace(reloads=True)
    watch(request, [scripted.open_view], scripted.environment)
    assert scripted.view.remarks == ["there are no policies to reload"]
    assert scripted.view.remark_kinds == [RemarkKind.RELOADED]
    assert scripted.view.reason == "the duration has elapsed"
