"""The demo's command line."""

import pytest

from ebpftrace.demo.__main__ import watch_command


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
    assert command[command.index("watch") + 1 :] == tail
