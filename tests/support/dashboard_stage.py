"""What a dashboard under test looks at: two jobs that hold still, and the watch of them."""

import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.cgroups import memory_cgroup
from tests.support.names import unique_comm
from tests.support.tmux import Tmux
from tests.support.workload import Workload

# A machine that is busy may miss runs of a raw tracepoint, or give up on a file of /proc.
SUMMARY_ENDS = re.compile(
    r"(none: every event was counted|missed: ((missed runs|proc timeouts) \d+(, )?)+)\nshell>"
)
"""The end of the summary: nothing was missed but by the machine's load."""

WATCH = (sys.executable, "-m", "ebpftrace", "watch")


@dataclass(frozen=True)
class Stage:
    """Two processes of one name, in a cgroup each; the larger one has a limit, and its job
    is the last by name.
    """

    comm: str
    large: Workload
    small: Workload
    cgroup: str  # the large one's, without its slash


@contextmanager
def two_jobs() -> Iterator[Stage]:
    """Both have all they hold, and stay."""
    comm = unique_comm()
    with ExitStack() as stack:
        groups = [stack.enter_context(memory_cgroup()) for _ in range(2)]
        other, limited = sorted(groups, key=lambda group: group.path.name)
        limited.limit(256 << 20)
        large = stack.enter_context(Workload(comm, cgroup=limited))
        small = stack.enter_context(Workload(comm, cgroup=other))
        large.do("map 64MiB")
        large.do("touch 0")
        small.do("map 16MiB")
        small.do("touch 0")
        yield Stage(comm, large, small, limited.path.name)


def begin(tmux: Tmux, stage: Stage) -> None:
    """Type the command line of a watch of them, and wait until it shows them."""
    tmux.run([*WATCH, "--comm", stage.comm])
    tmux.expect(lambda screen: "LIMIT" in screen and label(stage.large) in screen)


def label(workload: Workload) -> str:
    """How the dashboard calls it."""
    return f"{workload.comm} {workload.pid}"


def watch_of(stage: Stage) -> int:
    """The pid of the watch of this stage's processes."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if words[1:4] == [b"-m", b"ebpftrace", b"watch"] and stage.comm.encode() in words:
            return int(entry.parent.name)
    raise AssertionError("it does not run")
