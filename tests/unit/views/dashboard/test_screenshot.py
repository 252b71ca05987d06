from pathlib import Path

import pytest

from ebpftrace.errors import EbpftraceError
from ebpftrace.units import NS_PER_SECOND
from ebpftrace.views.dashboard.screenshot import Screenshot
from tests.support import dashboards, watches

SEVERAL = dashboards.several()


def taken(path: Path, seconds: int = 7) -> str:
    view = Screenshot(path, 100, 30)
    view.start(watches.started())
    view.note(watches.oom_note())
    view.snapshot(SEVERAL._replace(elapsed_ns=seconds * NS_PER_SECOND))
    view.end(SEVERAL, "the duration has elapsed")
    view.stop()
    view.stop()
    return path.read_text(encoding="utf-8").replace("&#160;", " ")


def test_it_shows_the_last_snapshot_and_what_happened(tmp_path: Path) -> None:
    picture = taken(tmp_path / "one.svg")
    assert "gopls 4711" in picture
    assert "oom_kill 12:00:07Z" in picture
    assert "LAST 1m" in picture


@pytest.mark.parametrize(("seconds", "window"), [(60, "1m"), (61, "5m"), (9000, "15m")])
def test_the_screenshot_s_window_spans_the_whole_watch(
    tmp_path: Path, seconds: int, window: str
) -> None:
    assert f"LAST {window}" in taken(tmp_path / "one.svg", seconds)


def test_without_a_snapshot_no_file_is_written(tmp_path: Path) -> None:
    Screenshot(tmp_path / "one.svg", 100, 30).stop()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EbpftraceError, match="was not written: No such file"):
        taken(tmp_path / "none" / "one.svg")


def test_the_screenshot_shows_stopped_processes(tmp_path: Path) -> None:
    path, frozen = tmp_path / "one.svg", dashboards.frozen()
    view = Screenshot(path, 100, 30)
    view.start(watches.started())
    for news in frozen.stopped.values():
        view.fuse(news)
    assert frozen.snapshot is not None
    view.snapshot(frozen.snapshot)
    view.stop()
    assert path.read_text().count("FROZEN") == 3  # above all, in its job's row and its own
