"""The demo's command line."""

import signal
from collections.abc import Sequence

import pytest

from ebpftrace.demo import __main__ as module
from ebpftrace.demo.__main__ import main, watch_command


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The options of each demo that would have been started."""
    started: list[list[str]] = []

    def demo(args: Sequence[str]) -> int:
        started.append(list(args))
        return 5

    monkeypatch.setattr(module, "demo", demo)
    monkeypatch.setattr(signal, "pthread_sigmask", lambda _how, _mask: None)
    return started


@pytest.mark.parametrize("args", [["--help"], ["-h"], ["--duration", "6s", "--help"]])
def test_help_starts_nothing(
    args: list[str],
    runs: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["demo", *args])
    assert main() == 0
    assert "[OPTIONS OF watch]" in capsys.readouterr().out
    assert runs == []


def test_options_of_the_watch_are_passed_on_in_their_order(
    runs: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    args = ["--output", "jsonl", "--once", "--interval=2s", "-o", "x"]
    monkeypatch.setattr("sys.argv", ["demo", *args])
    assert main() == 5
    assert runs == [args]


@pytest.mark.parametrize(
    ("args", "terminal", "tail"),
    [
        ([], False, ["--comm", "gopls", "--duration", "30s"]),
        ([], True, ["--comm", "gopls"]),
        (["--duration=6s"], False, ["--comm", "gopls", "--duration=6s"]),
        (["--duration", "6s"], False, ["--comm", "gopls", "--duration", "6s"]),
        (["--once"], False, ["--comm", "gopls", "--once"]),
    ],
)
def test_watch_has_a_duration_in_a_pipe(
    args: list[str], terminal: bool, tail: list[str]
) -> None:
    command = watch_command(args, terminal)
    assert command[command.index("watch") + 1 :] == ["--no-history", *tail]
