"""A real terminal: a tmux of the tests' own, with a shell in it."""

import os
import secrets
import subprocess
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.support.build import ROOT
from tests.support.sessions import session_mark

SECONDS = 20.0
PROMPT = "e2e$ "


class Terminal:
    """A shell at its prompt in a terminal of this size, on a tmux server of its own."""

    def __init__(self, columns: int = 100, lines: int = 30) -> None:
        self._size = ["-x", str(columns), "-y", str(lines)]
        self._asked = 0
        self._socket = f"ebpftrace-{secrets.token_hex(4)}"

    def __enter__(self) -> Self:
        shell = ["env", f"PS1={PROMPT}", "bash", "--norc", "--noprofile"]
        self._tmux("new-session", "-d", *self._size, *shell)
        self._tmux("set-option", "-g", "window-size", "manual")
        self.wait_for(lambda screen: screen.endswith(PROMPT.rstrip()))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._tmux("kill-server")

    def type(self, line: str) -> None:
        """Type this, and Enter."""
        self._tmux("send-keys", "-l", line)
        self.press("Enter")

    def press(self, *keys: str) -> None:
        """Press keys, by tmux's names: `q`, `C-c`, `Enter`."""
        self._tmux("send-keys", *keys)

    def resize(self, columns: int, lines: int) -> None:
        self._tmux("resize-window", "-x", str(columns), "-y", str(lines))

    def screen(self) -> str:
        """What is on the screen now, without empty lines at its end."""
        return self._tmux("capture-pane", "-p").rstrip()

    def cursor_shows(self) -> bool:
        return self._tmux("display-message", "-p", "#{cursor_flag}").strip() == "1"

    def wait_for(self, wanted: Callable[[str], bool]) -> str:
        """The first screen that is wanted. AssertionError, with the last, if none comes."""
        deadline = time.monotonic() + SECONDS
        while not wanted(screen := self.screen()):
            assert time.monotonic() < deadline, f"not on the screen:\n{screen}"
            time.sleep(0.05)
        return screen

    def ask(self, command: str) -> str:
        """Run a command at the prompt, on a clear screen, and return what it said."""
        self._asked += 1
        end = f"\nanswer {self._asked}"
        self.type(f"clear; {command}; echo ans''wer {self._asked}")
        screen = self.wait_for(lambda screen: end in f"\n{screen}")
        return f"\n{screen}".partition(end)[0].strip()

    def _tmux(self, *command: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._socket, "-f", "/dev/null", *command],
            cwd=ROOT,
            env={**os.environ, **session_mark(), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout
