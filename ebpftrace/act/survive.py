"""What keeps the breaker alive in the fire it is there for.

Its own memory is small, but the kernel may still choose it: it asks to be chosen last.
mlockall is not used: it would make resident all that was given back (100 MB of compiler),
and RLIMIT_MEMLOCK seldom allows it. What acting needs is touched at every snapshot.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

SCORE = -900
"""Not -1000: if all else is gone, even this may be taken before the machine hangs."""

_FILE = Path("/proc/self/oom_score_adj")


def ask_to_be_last(file: Path = _FILE) -> str:
    """Lower our score for the OOM killer; "" when it is, else what stood against it.

    Children inherit it, so hooks are started under `ordinary_score`.
    """
    try:
        if int(file.read_text()) > SCORE:
            file.write_text(str(SCORE))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        return f"the OOM killer may choose ebpftrace: oom_score_adj cannot be lowered: {why}"
    return ""


@contextlib.contextmanager
def ordinary_score(file: Path = _FILE) -> Iterator[None]:
    """For the moment of a fork: what a hook starts must not outlive the whole machine."""
    try:
        lowered = int(file.read_text()) == SCORE
        if lowered:
            file.write_text("0")
    except OSError:
        lowered = False
    try:
        yield
    finally:
        if lowered:
            with contextlib.suppress(OSError):  # it was allowed a moment ago
                file.write_text(str(SCORE))
