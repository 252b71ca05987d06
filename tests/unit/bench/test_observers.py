"""Observers are started, waited for, and ended with all they started."""

import sys
import time
from pathlib import Path

import pytest

from bench.observers import (
    DoesNotStartError,
    Observer,
    complaint,
    does_not_start,
    running,
)


def python(code: str, ready: bytes = b"", terminal: bool = False) -> Observer:
    return Observer("a program", (sys.executable, "-c", code), ready, terminal)


@pytest.mark.parametrize("terminal", [False, True])
def test_observer_runs_from_its_first_output_to_the_end(terminal: bool) -> None:
    with running(python("input_ = 0; print('on', flush=True)\nwhile True: input_ += 1",
                        b"on", terminal)) as it:  # fmt: skip
        assert it.ready_seconds > 0
        assert Path(f"/proc/{it.pid}").exists()
    assert not Path(f"/proc/{it.pid}").exists()


def test_marker_is_found_across_two_writes() -> None:
    code = (
        "import os, time\nfor part in ('rea', 'dy'): os.write(1, part.encode()); time.sleep(.1)"
    )
    with running(python(code + "\ntime.sleep(60)", b"ready")) as it:
        assert it.process.poll() is None


def test_every_marker_is_counted_once() -> None:
    code = "import os, time\nfor part in (b'on on', b' o', b'n', b'off on'): os.write(1, part)"
    with running(python(code + "; time.sleep(.05)\ntime.sleep(60)", b"on")) as it:
        while len(it.marked) < 4:
            time.sleep(0.01)
        assert it.marked == sorted(it.marked)
    assert len(it.marked) == 4


def test_observer_that_ends_early_is_an_error_with_its_output() -> None:
    code = (
        "import sys; print('hello'); sys.exit('modprobe: no\\nFatal ERROR: no headers\\nbye')"
    )
    with (
        pytest.raises(DoesNotStartError, match="Fatal ERROR: no headers"),
        running(python(code, b"ready")),
    ):
        pass


def test_missing_program_is_an_error_with_a_reason() -> None:
    assert does_not_start([sys.executable, "-c", "print('Unable to find it')"]) == (
        "Unable to find it"
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "no output"),
        ("one\ntwo\n\n", "two"),
        ("sh: no\nUnable to \x1b[1mgo\nend", "Unable to \\x1b[1mgo"),
    ],
)
def test_error_message_is_one_clean_line(text: str, line: str) -> None:
    assert complaint(text) == line


def test_output_is_counted_and_its_last_whole_line_is_kept() -> None:
    code = "print('x' * 9000)\nprint('on')\nprint('cut', end='', flush=True)"
    with running(python(f"{code}\nimport time; time.sleep(60)", b"cut")) as it:
        assert it.output_bytes == 9001 + 3 + 3
        assert it.last_line == b"on"


def test_last_line_of_no_output_is_empty() -> None:
    code = "print('on', end='', flush=True); import time; time.sleep(60)"
    with running(python(code, b"on")) as it:
        assert it.last_line == b""
