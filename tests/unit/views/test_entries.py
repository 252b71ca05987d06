from ebpftrace.act.fuse.events import FuseEventKind
from ebpftrace.views.entries import emphasis, entry_line, is_significant
from ebpftrace.views.text_lines import note_line
from tests.support import watches


def test_a_kill_is_louder_than_a_loss_and_a_stall_than_a_process() -> None:
    assert emphasis(watches.oom_note()) == "alarm"
    assert emphasis(watches.loss_note()) == "warning"
    assert emphasis(watches.stall_note()) == "plain"
    assert emphasis(watches.outcome()) == "good"
    assert emphasis(watches.outcome(helped=False)) == "alarm"
    assert emphasis(watches.process_note()) == "faint"


def test_a_stop_by_a_fuse_has_an_emphasis_of_its_own() -> None:
    assert emphasis(watches.fuse_event()) == "frozen"
    assert emphasis(watches.fuse_event(FuseEventKind.KILLED)) == "alarm"
    assert emphasis(watches.fuse_event(FuseEventKind.THAWED)) == "plain"
    assert emphasis(watches.fuse_event(FuseEventKind.ENDED)) == "plain"


def test_what_lasts() -> None:
    for entry in (watches.oom_note(), watches.finding(), watches.step(), watches.outcome(),
                  watches.loss_note(), watches.fuse_event()):  # fmt: skip
        assert is_significant(entry)
    for passing in (watches.process_note(), watches.stall_note(), watches.remark()):
        assert not is_significant(passing)


def test_an_entry_is_the_line_that_a_log_has_too() -> None:
    assert entry_line(watches.oom_note(), 50) == note_line(watches.oom_note(), 50)
