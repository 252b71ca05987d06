import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import TextIO

import pytest

from ebpftrace.views.factory import Output, open_view
from ebpftrace.views.jsonl import JsonLines
from ebpftrace.views.plain import PlainLines
from ebpftrace.views.table import Tables
from tests.support import watches

OUTPUTS: tuple[Output, ...] = ("table", "plain", "jsonl")


@pytest.fixture
def broken_pipe() -> Iterator[TextIO]:
    """A pipe whose reader has left, as after `| head -1`."""
    reader, writer = os.pipe()
    os.close(reader)
    out = os.fdopen(writer, "w", encoding="utf-8")
    yield out
    with pytest.raises(BrokenPipeError):  # what is left in its buffer
        out.close()


@pytest.mark.parametrize(
    ("name", "kind"), [("table", Tables), ("plain", PlainLines), ("jsonl", JsonLines)]
)
def test_each_name_has_its_view(name: Output, kind: type) -> None:
    assert isinstance(open_view(name, io.StringIO()), kind)


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_closed_pipe_raises_in_the_caller(name: Output, broken_pipe: TextIO) -> None:
    view = open_view(name, broken_pipe)
    with pytest.raises(BrokenPipeError):
        view.snapshot(watches.example())


@pytest.mark.parametrize("name", ["plain", "jsonl"])
def test_each_update_is_flushed(name: Output) -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, encoding="utf-8") as lines, os.fdopen(writer, "w") as out:
        open_view(name, out).snapshot(watches.example())
        os.set_blocking(reader, False)
        assert "snapshot" in lines.readline()


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_locale_without_the_characters_does_not_end_a_watch(
    name: Output, encoding: str
) -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding)
    view = open_view(name, out)
    named = watches.job("日本 \udc80", [watches.process()])
    view.start(watches.started())
    view.snapshot(watches.snapshot(named))
    view.end(watches.snapshot(named), "stopped by Ctrl-C")
    out.flush()
    text = raw.getvalue().decode(encoding)
    assert "512 MiB" in text or json.loads(text.splitlines()[1])["jobs"]


@pytest.mark.parametrize("name", ["plain", "jsonl"])
def test_lines_do_not_pay_for_what_they_do_not_use(name: str) -> None:
    program = f"""if True:
        import sys
        from ebpftrace.views.factory import open_view
        open_view({name!r}, sys.stdout)
        heavy = {{"rich", "asyncio", "ssl", "http", "pyroute2"}} & set(sys.modules)
        sys.exit(", ".join(sorted(heavy)) or 0)
    """
    ended = subprocess.run(
        [sys.executable, "-c", program],
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
