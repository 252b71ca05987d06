"""What is known of a command once it has ended."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ebpftrace.run.command import CommandEnd
from ebpftrace.run.watching import Record, WatchBeside
from ebpftrace.text import clean
from ebpftrace.views.formatting import signal_name


class RunResult(NamedTuple):
    """A command, how it ended and what it took. Sizes are bytes.

    `peak_bytes` is the most that its processes held at a time, by the watch; without one, what
    `peak_of` says. `notes` are sentences about what was missing, changed or left.
    """

    command: tuple[str, ...]
    end: CommandEnd
    limit_bytes: int | None = None
    peak_bytes: int | None = None
    peak_of: str = ""
    holder: str = ""  # "gopls 4711": the process that held most of it
    growth_bytes: int = 0
    oom_kills: int = 0
    watched: bool = False
    events: tuple[Record, ...] = ()
    points: tuple[tuple[int, int], ...] = ()  # CLOCK_MONOTONIC ns, held bytes
    restarts: int = 0
    notes: tuple[str, ...] = ()
    given_name: str = ""

    @property
    def name(self) -> str:
        """The one that was given, else the command line: short and printable."""
        return clean(self.given_name or " ".join(self.command), 60)

    @property
    def ended(self) -> str:
        """`ended with exit code 1`, `was ended by SIGKILL`."""
        end = self.end
        if end.timed_out:
            return "was ended at its timeout"
        if not end.signal:
            return f"ended with exit code {end.code}"
        name = signal_name(end.signal)
        if end.signal == 9 and self.oom_kills:
            return f"was ended by {name}, from the OOM killer"
        return f"was ended by {name}"

    @property
    def share(self) -> float | None:
        """The peak as a share of the limit, 0..1; None without either."""
        if not self.limit_bytes or self.peak_bytes is None:
            return None
        return self.peak_bytes / self.limit_bytes

    def of_type(self, kind: str) -> list[Record]:
        """The events of one type, in order."""
        return [event for event in self.events if event["type"] == kind]

    @property
    def findings(self) -> list[Record]:
        """Those that began, each with its worst severity, without notices and OOM kills."""
        worst: dict[tuple[Any, ...], Record] = {}
        for one in self.of_type("finding"):
            key = (one["detector"], one["job"]["key"], one["pid"])
            if one["state"] != "end" and one["severity"] != "notice" and one["unit"] != "kills":
                worst[key] = one
        return list(worst.values())

    @property
    def victims(self) -> list[str]:
        """`gopls 4711` for each process that the OOM killer ended, as far as it was seen."""
        return [f"{one['comm']} {one['pid']}" for one in self.of_type("oom_kill")]

    @property
    def evidence(self) -> list[str]:
        """The folders that incidents left."""
        return [one["evidence"] for one in self.of_type("outcome") if one["evidence"]]


def watched_jobs(watch: WatchBeside) -> Sequence[Record]:
    """All jobs that it has seen: a command may have processes of several CI runs."""
    jobs: Sequence[Record] = () if watch.last is None else watch.last["jobs"]
    return jobs
