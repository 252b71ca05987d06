"""Which word of a command is the program that it runs."""

import re
from collections.abc import Callable

from ebpftrace.doctor.files.statements import SimpleCommand

_ASSIGNS = re.compile(r"[A-Za-z_]\w*\+?=")
_RUN_OTHERS = frozenset(
    {"sudo", "doas", "env", "exec", "command", "nohup", "time", "timeout", "nice", "ionice",
     "stdbuf", "setsid", "chronic", "xargs", "parallel", "watch", "strace", "prlimit", "chrt",
     "taskset", "systemd-run", "unshare", "nsenter", "setpriv", "su-exec", "gosu", "tini",
     "dumb-init", "ssh", "docker", "podman", "nerdctl", "kubectl", "ebpftrace", "shell"}
)  # fmt: skip


def program_at(command: SimpleCommand, is_it: Callable[[str], bool]) -> int | None:
    """The index of the program, also below `sudo -u ci`, `timeout 10m` and the like.

    `go run MODULE` counts as well. None if the command runs something else.
    """
    other = False
    for index, word in enumerate(command.words):
        text = word.text
        if is_it(text):
            return index
        if other or _ASSIGNS.match(text):
            continue
        if text.rpartition("/")[2] in _RUN_OTHERS or _go_run(command, index):
            other = True
        else:
            return None
    return None


def _go_run(command: SimpleCommand, index: int) -> bool:
    words = command.words[index : index + 2]
    return [word.text for word in words] == ["go", "run"]


def basename(text: str) -> str:
    """`find` of `/usr/bin/find`."""
    return text.rpartition("/")[2]
