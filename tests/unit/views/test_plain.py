from ebpftrace.act.fuse.events import FuseEventKind
from ebpftrace.views.plain import PlainLines
from ebpftrace.views.summary import summary_lines
from ebpftrace.views.text_lines import note_line, snapshot_line, start_lines
from tests.support import watches


def test_one_line_per_update_in_order() -> None:
    written: list[str] = []
    view = PlainLines(written.append)
    taken = watches.example()
    view.start(watches.started())
    view.note(watches.process_note())
    view.snapshot(taken)
    view.end(taken, "stopped by Ctrl-C")
    assert "".join(written).splitlines() == [
        *start_lines(watches.started()),
        note_line(watches.process_note()),
        snapshot_line(taken),
        *summary_lines(taken, "stopped by Ctrl-C"),
    ]
    assert all(text.endswith("\n") for text in written)


def test_the_first_word_is_the_type_of_the_json_object() -> None:
    written: list[str] = []
    view = PlainLines(written.append)
    view.start(watches.started())
    for note in (
        watches.process_note(),
        watches.oom_note(),
        watches.stall_note(),
        watches.loss_note(),
    ):
        view.note(note)
    view.finding(watches.finding())
    view.snapshot(watches.snapshot())
    words = [line.split()[0] for line in "".join(written).splitlines() if line[0] != " "]
    assert words == ["start", "process", "oom_kill", "stall", "loss", "finding", "snapshot"]


def test_findings_are_repeated_in_the_summary() -> None:
    written: list[str] = []
    view = PlainLines(written.append)
    view.finding(watches.finding())
    written.clear()
    view.end(watches.example(), "stopped by Ctrl-C")
    assert any(
        line.startswith("finding  12:00:07Z warning") for line in "".join(written).splitlines()
    )


def test_fuse_events_are_written_and_counted_in_the_summary() -> None:
    written: list[str] = []
    view = PlainLines(written.append)
    view.fuse(watches.fuse_event())
    view.note(watches.process_note("exit", signal=9))
    view.fuse(watches.fuse_event(FuseEventKind.ENDED))
    view.end(watches.example(), "stopped by Ctrl-C")
    lines = "".join(written).splitlines()
    start = "fuse     12:00:07Z stopped in build-42: gopls 4711 was stopped: its"
    assert lines[0].startswith(start)
    assert lines[-2:] == [
        "fuse     1 stopped (1 ended)",
        "loss     12 missed: ring exit 12",
    ]
