"""`ebpftrace thaw`: what is asked of which watch, and the errors; no watch is running."""

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ebpftrace.act.fuse.holding.control_client import NoReplyError, ThawReply
from ebpftrace.cli.thaw import thaw as command
from ebpftrace.errors import EbpftraceError, GoneError, NotPermittedError, UsageError

MODULE = importlib.import_module("ebpftrace.cli.thaw")  # in the package it is the command
SENTENCE = "gopls 4711 was resumed after 12s; the next stop is at 1.9 GiB"


class Watches:
    """Running watches, by name: what each has stopped; None: it does not reply."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stopped: dict[str, list[int] | None] = {}
        self.requests: list[tuple[str, int | None]] = []
        self.more = 0
        monkeypatch.setattr(MODULE, "run_folder", lambda: Path("/run/ebpftrace"))
        monkeypatch.setattr(
            MODULE,
            "remove_stale",
            lambda folder: [folder / f"{it}.sock" for it in self.stopped],
        )
        monkeypatch.setattr(MODULE, "request_thaw", self._request)

    def _request(self, path: Path, pid: int | None) -> ThawReply:
        self.requests.append((path.stem, pid))
        stopped = self.stopped[path.stem]
        if stopped is None:
            raise NoReplyError("no reply within 5 s; is it stopped?")
        return ThawReply(tuple(SENTENCE for it in stopped if pid in (it, None)), self.more)


@pytest.fixture
def watches(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watches]:
    yield Watches(monkeypatch)


def thaw(*args: str) -> Result:
    return CliRunner().invoke(command, args)


def error_of(result: Result, kind: type[EbpftraceError]) -> EbpftraceError:
    assert isinstance(result.exception, kind)
    return result.exception


def test_sentence_of_the_watch_is_printed(watches: Watches) -> None:
    watches.stopped = {"1": [4711]}
    result = thaw("4711")
    assert (result.exit_code, result.output) == (0, SENTENCE + "\n")


def test_every_watch_is_asked_once_for_each_pid(watches: Watches) -> None:
    watches.stopped = {"1": [], "2": [4711, 4712]}
    assert thaw("4711", "4712", "4711").exit_code == 0
    assert watches.requests == [("1", 4711), ("2", 4711), ("1", 4712), ("2", 4712)]


def test_all_asks_without_a_pid(watches: Watches) -> None:
    watches.stopped = {"1": [4711, 4712]}
    watches.more = 1200
    result = thaw("--all")
    assert result.output == f"{SENTENCE}\n{SENTENCE}\nand 1,200 more\n"
    assert watches.requests == [("1", None)]


def test_all_without_a_stopped_process_is_no_error(watches: Watches) -> None:
    watches.stopped = {"1": []}
    result = thaw("--all")
    assert (result.exit_code, result.output) == (0, "no process is stopped by a fuse\n")


def test_process_that_no_fuse_stopped_is_an_error(watches: Watches) -> None:
    watches.stopped = {"1": [4711]}
    error = error_of(thaw("4711", "1", "2"), GoneError)
    assert error.what == "not stopped by ebpftrace: 1, 2"
    assert error.fix.startswith("kill -CONT 1 ")


def test_silent_watch_is_an_error_unless_another_one_resumed_it(watches: Watches) -> None:
    watches.stopped = {"1": None, "2": [4711]}
    assert thaw("4711").exit_code == 0
    error = error_of(thaw("4712", "4713"), EbpftraceError)
    assert error.what == "watch 1 does not reply"
    assert "kill -CONT 1" in error.fix
    assert watches.requests.count(("1", 4713)) == 0  # it is not asked again


def test_no_running_watch_is_an_error(watches: Watches) -> None:
    error = error_of(thaw("--all"), GoneError)
    assert error.what == "no watch with a fuse is running"
    assert error.why == "there is no socket in /run/ebpftrace"


def test_thaw_requires_root(watches: Watches, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_folder: Path) -> list[Path]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(MODULE, "remove_stale", denied)
    error = error_of(thaw("4711"), NotPermittedError)
    assert error.what == "thaw requires root"
    assert watches.requests == []


@pytest.mark.parametrize("args", [(), ("4711", "--all")])
def test_either_pids_or_all_are_required(args: tuple[str, ...], watches: Watches) -> None:
    error = error_of(thaw(*args), UsageError)
    assert error.what == "give either pids or --all"
    assert watches.requests == []
