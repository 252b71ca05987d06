from ebpftrace.act.fuse.events import UserCommand, UserCommandKind
from ebpftrace.judge.finding import Subject
from ebpftrace.views.dashboard.model.state import Effect
from ebpftrace.views.dashboard.model.user_commands import CONFIRM_NS
from ebpftrace.views.dashboard.render.picture import as_text
from ebpftrace.views.dashboard.session import DashboardSession
from tests.support import dashboards, watches
from tests.support.dashboards import PLAIN

SEVERAL = dashboards.several()
NEAR = dashboards.near_job().identity
LATER = SEVERAL._replace(sequence=8, elapsed_ns=60 * 10**9)
STARTED = watches.started()


def begun() -> DashboardSession:
    session = DashboardSession(PLAIN)
    session.update(STARTED, SEVERAL, [])
    return session


def screen(session: DashboardSession) -> str:
    return as_text(session.draw(100, 30).lines)


def test_only_what_is_new_changes_the_screen() -> None:
    session = begun()
    assert not session.update(STARTED, SEVERAL, [])
    assert session.update(STARTED, LATER, [])
    assert session.update(STARTED, LATER, [watches.oom_note()])
    assert "oom_kill" in screen(session)


def test_a_pause_keeps_the_snapshot_and_the_events_of_its_start() -> None:
    session = begun()
    session.press("p")
    before = screen(session)
    assert not session.update(STARTED, LATER, [])
    assert screen(session) == before
    assert session.update(STARTED, LATER, [watches.oom_note()])  # the count of events changes
    assert "1 event since" in screen(session)
    assert "oom_kill" not in screen(session)
    assert session.update(STARTED, LATER, [watches.finding(subject=Subject(NEAR))])
    assert "growth since" not in screen(session)
    session.press("p")
    assert "growth since" in screen(session)
    assert "oom_kill" in screen(session)
    assert session.shown is LATER


def test_rows_follow_sort_and_filter_at_once() -> None:
    session = begun()
    screen(session)
    for key in ("z", "j", "j"):  # without a frame in between
        assert session.press(key) is Effect.NONE
    assert session.state.index == 2
    assert session.state.cursor is not None
    assert session.state.cursor.process is None


def test_a_message_is_shown_until_a_key() -> None:
    session = begun()
    session.show_message("saved somewhere")
    assert "saved somewhere" in screen(session)
    session.press("j")
    assert "saved somewhere" not in screen(session)


def test_stopped_processes_are_shown_and_kept_during_a_pause() -> None:
    session = DashboardSession(PLAIN)
    frozen = dashboards.frozen()
    assert session.update(STARTED, frozen.snapshot, [], frozen.stopped)
    assert not session.update(STARTED, frozen.snapshot, [], frozen.stopped)
    assert "FROZEN" in screen(session)
    session.press("p")
    assert not session.update(STARTED, frozen.snapshot, [], {})
    assert "FROZEN" in screen(session)
    session.press("t")  # what is done is done to what is
    assert "no process is stopped" in screen(session)
    session.press("p")
    assert "FROZEN" not in screen(session)


def test_a_question_is_taken_back_when_its_time_is_over() -> None:
    now = 0
    session = DashboardSession(PLAIN, lambda: now)
    frozen = dashboards.frozen()
    session.update(STARTED, frozen.snapshot, [], frozen.stopped)
    for key in "jjj":
        session.press(key)
    assert session.press("x") is Effect.NONE
    assert session.confirm_deadline_ns == CONFIRM_NS
    assert "x again within 3 s kills gopls 4711" in screen(session)
    now = CONFIRM_NS - 1
    assert not session.update(STARTED, frozen.snapshot, [], frozen.stopped)
    now = CONFIRM_NS
    assert session.update(STARTED, frozen.snapshot, [], frozen.stopped)
    assert "x again" not in screen(session)
    session.press("x")
    assert session.press("x") == UserCommand(UserCommandKind.END, *frozen.stopped)


def test_only_so_many_events_are_kept() -> None:
    session = begun()
    for number in range(2000):
        session.update(STARTED, SEVERAL, [watches.process_note(comm=f"n{number}")])
    assert "n1999" in screen(session)
    assert len(session._entries.all()) == 500
