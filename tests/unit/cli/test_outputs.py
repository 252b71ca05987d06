"""`--output`: names, files, and what opens the views."""

import json
import os
from pathlib import Path

import click
import pytest

from ebpftrace.cli.outputs import OutputTarget, OutputType, openers
from ebpftrace.engine.waiting.waiter import Waiter
from ebpftrace.errors import EbpftraceError, UsageError
from ebpftrace.views.plain import PlainLines
from tests.support import watches


def convert(text: str) -> OutputTarget:
    return OutputType().convert(text, None, None)


def test_name_alone_is_standard_output() -> None:
    assert [convert(name) for name in ("table", "plain", "jsonl")] == [
        OutputTarget("table"),
        OutputTarget("plain"),
        OutputTarget("jsonl"),
    ]


def test_file_follows_a_colon() -> None:
    assert convert("jsonl:/tmp/a:b.jsonl") == OutputTarget("jsonl", Path("/tmp/a:b.jsonl"))


@pytest.mark.parametrize("text", ["", "xml", "JSONL", ":file", "xml:file"])
def test_unknown_name_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not one of 'table', 'plain', 'jsonl'"):
        convert(text)


def test_colon_without_a_file_is_refused() -> None:
    with pytest.raises(click.BadParameter, match="names no file"):
        convert("jsonl:")


def test_completion_offers_the_names() -> None:
    offered = OutputType().shell_complete(None, None, "p")
    assert [item.value for item in offered] == ["plain"]


@pytest.mark.parametrize(
    ("targets", "where"),
    [(["table", "plain"], "standard output"), (["jsonl:x", "plain", "plain:x"], "x")],
)
def test_two_outputs_to_one_place_are_refused(targets: list[str], where: str) -> None:
    with pytest.raises(UsageError, match=f"{where}$"):
        openers([convert(text) for text in targets], live=True)


def test_without_an_output_there_is_standard_output() -> None:
    (open_view,) = openers([], live=True)  # no terminal: pytest captures it
    with Waiter() as waiter:
        assert isinstance(open_view(waiter), PlainLines)


def test_file_is_replaced_and_has_all_that_the_view_was_given(tmp_path: Path) -> None:
    file = tmp_path / "memory.jsonl"
    file.write_text("old\n" * 1000)
    (open_view,) = openers([OutputTarget("jsonl", file)], live=True)
    with Waiter() as waiter:
        view = open_view(waiter)
        view.start(watches.started())
        view.end(watches.example(), "one reading")
        view.stop()
    kinds = [json.loads(line)["type"] for line in file.read_text().splitlines()]
    assert (kinds[0], kinds[-1]) == ("start", "end")


def test_table_in_a_file_is_no_dashboard(tmp_path: Path) -> None:
    file = tmp_path / "memory.txt"
    (open_view,) = openers([OutputTarget("table", file)], live=True)
    with Waiter() as waiter:
        view = open_view(waiter)
        view.snapshot(watches.example())
        view.stop()
    assert "build-42" in file.read_text()
    assert "\x1b" not in file.read_text()


def test_file_that_cannot_be_opened_is_explained(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)  # without a reader: opening it must not wait for one
    for file in (tmp_path, tmp_path / "none/there", fifo):
        (open_view,) = openers([OutputTarget("jsonl", file)], live=True)
        with Waiter() as waiter, pytest.raises(EbpftraceError, match="cannot write") as caught:
            open_view(waiter)
        assert caught.value.why
        assert "--output jsonl:FILE" in caught.value.fix


def test_file_is_closed_at_the_end(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    (open_view,) = openers([OutputTarget("plain", tmp_path / "x")], live=True)
    with Waiter() as waiter:
        open_view(waiter).stop()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_changes_are_for_json_lines() -> None:
    with pytest.raises(UsageError, match="--changes is for JSON Lines"):
        openers([OutputTarget("plain")], live=True, changes=True)
    with pytest.raises(UsageError, match="--changes is for JSON Lines"):
        openers([], live=True, changes=True)
    assert openers([OutputTarget("plain"), OutputTarget("jsonl", Path("x"))], live=True,
                   changes=True)  # fmt: skip
