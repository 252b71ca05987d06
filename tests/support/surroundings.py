"""What a test session inherits from its shell, set to what the tests expect."""

import os
import signal
from pathlib import Path

# Each changes what a program writes, or where; a test that means one sets it.
_VARIABLES = {
    "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "FORCE_COLOR", "LANG", "LANGUAGE", "LINES",
    "NO_COLOR", "TZ",
}  # fmt: skip
_OWN = "EBPFTRACE_"
# Of those, what a developer may say about the tests, and the compiled programs.
_KEPT = (
    "EBPFTRACE_CACHE_DIR", "EBPFTRACE_GOLDEN", "EBPFTRACE_GOPLS_DIR", "EBPFTRACE_REQUIRE_",
    "EBPFTRACE_TEST_", "EBPFTRACE_VM_",
)  # fmt: skip
_PYTHON_IGNORES = {signal.SIGPIPE, signal.SIGXFSZ}


def reset_surroundings(config: Path) -> None:
    """Undo what the shell, `nohup`, a terminal or a CI system set for this process.

    A user's configuration is looked for in the folder `config`, so that the developer's own
    policy is never read. XDG_CACHE_HOME stays: Go's build cache and the compiled programs
    are there, and neither decides a test.
    Child processes inherit the result. Call it on the main thread.
    """
    _reset_signals()
    os.umask(0o022)
    for name in list(os.environ):
        ours = name.startswith(_OWN) and not name.startswith(_KEPT)
        if ours or name in _VARIABLES or name.startswith("LC_"):
            del os.environ[name]
    os.environ["XDG_CONFIG_HOME"] = str(config)
    os.environ["LC_ALL"] = "C.UTF-8"


def _reset_signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals() - _PYTHON_IGNORES:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, _DISPOSITIONS.get(number, signal.SIG_DFL))


def _survive(_number: int, _frame: object) -> None:
    """Do nothing."""


# A handler is reset by exec, where an ignored signal stays ignored: under nohup the
# session survives a hangup, and its children do not.
_DISPOSITIONS = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGHUP: _survive,
}
