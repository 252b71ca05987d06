"""A real terminal: a private tmux server whose screen is read and whose keys are typed."""

import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import pytest

from tests.support.build import ROOT
from tests.support.patience import patient

WAIT_SECONDS = patient(30.0)

NEEDS_TMUX = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Tmux:
    """A shell in a window of a tmux of its own, which is killed at the end."""

    def __init__(
        self,
        columns: int = 100,
        lines: int = 30,
        *,
        environment: Mapping[str, str] | None = None,
        terminal: str = "tmux-256color",
    ) -> None:
        self._size = (columns, lines)
        own = {"PYTHONPATH": str(ROOT), "PS1": "shell> ", "HISTFILE": "/dev/null"}
        self._environment = {**own, **(environment or {})}
        self._terminal = terminal

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="ebpftrace-test-")
        self.folder = Path(self._folder.name)
        columns, lines = self._size
        variables = [f"{name}={value}" for name, value in self._environment.items()]
        config = self.folder / "tmux.conf"
        config.write_text(f"set -g default-terminal {self._terminal}\nset -g status off\n")
        self._tmux(
            "-f", str(config), "new-session", "-d", "-x", str(columns), "-y", str(lines),
            "-c", str(self.folder), "env", "-u", "NO_COLOR", *variables, "bash", "--norc",
            "--noprofile",
        )  # fmt: skip
        try:
            self.expect("shell>")
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        self._tmux("kill-server")
        self._folder.cleanup()

    def run(self, argv: Sequence[str]) -> None:
        """Type a command line."""
        self._tmux("send-keys", "-l", shlex.join(argv))
        self.press("Enter")

    def press(self, *keys: str) -> None:
        """Keys by tmux's names (`Enter`, `C-z`, `PPage`, …); others are typed as they are."""
        self._tmux("send-keys", *keys)

    def screen(self, *, styles: bool = False) -> str:
        """What the terminal shows now; with its escape sequences where asked for."""
        return self._tmux("capture-pane", "-p", *(["-e"] if styles else []))

    def tty(self) -> Path:
        """The device of the terminal, which others may write on."""
        return Path(self._tmux("display-message", "-p", "#{pane_tty}").strip())

    def resize(self, columns: int, lines: int) -> None:
        self._tmux("resize-window", "-x", str(columns), "-y", str(lines))

    def expect(self, wanted: str | Callable[[str], object]) -> str:
        """The first screen that holds a text, or of which a condition is true."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            screen = self.screen()
            if wanted in screen if isinstance(wanted, str) else wanted(screen):
                return screen
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {WAIT_SECONDS} s:\n{screen}")
            time.sleep(0.05)

    def shell(self, command: str, name: str) -> str:
        """What a command typed at the shell prints."""
        self.run(["bash", "-c", f"{{ {command}; }} >{name}.tmp; mv {name}.tmp {name}"])
        deadline = time.monotonic() + WAIT_SECONDS
        path = self.folder / name
        while not path.exists():
            assert time.monotonic() < deadline, self.screen()
            time.sleep(0.02)
        return path.read_text()

    def _tmux(self, *args: str) -> str:
        socket = str(self.folder / "socket")
        return subprocess.run(
            ["tmux", "-S", socket, *args],
            check=True,
            capture_output=True,
            text=True,
            timeout=WAIT_SECONDS,
        ).stdout
