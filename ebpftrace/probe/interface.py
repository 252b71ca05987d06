"""What the engine and the breaker need of the kernel side, whatever implements it."""

from collections.abc import Collection, Sequence
from enum import IntEnum
from typing import NamedTuple, Protocol

from ebpftrace.events import (
    Breached,
    Event,
    FuseScope,
    GroupReading,
    ProcessKey,
    ProcessStarted,
)


class AfterResumes(IntEnum):
    """What the kernel does with a stopped process that is resumed again and again.

    That is five times within a second, by programs other than ebpftrace.
    """

    KILL_NEAR_LIMIT = 0  # kill it where the limit is near, else stop it again
    KILL = 1
    STOP = 2


class FuseDefault(NamedTuple):
    """The bound of every tracked process from its first page on.

    `bound` is bytes, or where `share` is set a share (0..1) of the tightest limit as the
    process or its cgroup is first seen; without a limit there is none then.
    """

    scope: FuseScope
    bound: float
    share: bool
    signal: int
    resumed: AfterResumes = AfterResumes.KILL_NEAR_LIMIT


class FuseControl(Protocol):
    """Bounds at which the kernel signals a growing process. All sizes are bytes.

    A process or cgroup that has ended is ignored.
    """

    def arm_process(
        self,
        key: ProcessKey,
        own_bytes: int,
        charge_bytes: int,
        signal: int,
        least_bytes: int = 0,
        resumed: AfterResumes = AfterResumes.KILL_NEAR_LIMIT,
    ) -> None:
        """Signal the process when it grows beyond either bound; 0: no such bound.

        No fuse signals it, nor that of its cgroup, while it holds less than `least_bytes`.
        """

    def arm_group(
        self, cgroup_id: int, held_bytes: int, signal: int, least_bytes: int = 0
    ) -> None:
        """Signal each tracked process that grows while their sum is beyond; 0: no bound.

        Unless the cgroup's charge shows that less than `least_bytes` are held there: memory
        that several processes share is in the sum more than once.
        """

    def clear_stop(self, key: ProcessKey) -> None:
        """Remove the process from the stopped ones. The caller sends SIGCONT."""


class Heir(NamedTuple):
    """A process and the anon, shmem and swap that it has, what it shows of others' included.

    `shared_bytes` is what the signalled process had mapped shared: a fork maps none of it, so
    that a child shows only what it has touched, and may have it all.
    """

    key: ProcessKey
    held_bytes: int
    shared_bytes: int = 0


class HeirControl(Protocol):
    """Finds what has the memory of signalled processes afterwards."""

    def expect(self, keys: Collection[ProcessKey], number: int = 0) -> int:
        """These are about to be signalled. The number by which `heirs` knows them.

        Give the same `number` for the next signal of the same step; 0: a new one.
        """

    def heirs(self, number: int) -> Sequence[Heir]:
        """Processes that have their memory, or a copy that was made since, and themselves.

        One that has executed a program has neither.
        """

    def forks(self, number: int) -> int:
        """How many copies were made since. As long as there are more, some may be unseen."""

    def end(self, number: int) -> None:
        """Kill what has the memory, at its next page or fork, and all copies to come."""


class Probe(Protocol):
    """A source of events and readings about the selected processes.

    It is running once constructed. Times are CLOCK_MONOTONIC nanoseconds, sizes are bytes.
    Nothing here blocks.
    """

    @property
    def fds(self) -> Sequence[int]:
        """One of them is readable when `events` has something to return."""

    @property
    def caught_up(self) -> bool:
        """Whether the last `events` or `read` left nothing that had happened before."""

    @property
    def features(self) -> Sequence[tuple[str, str]]:
        """("mappings", "mmap_lock_released"), …: what is measured, and by which means."""

    @property
    def remarks(self) -> Sequence[str]:
        """What a user should know of these means: fallbacks and costs."""

    @property
    def fuses(self) -> FuseControl | None:
        """None for a probe that has no fuses."""

    @property
    def heirs(self) -> HeirControl | None:
        """None for a probe that has no fuses."""

    @property
    def drift_bytes(self) -> int:
        """By how much the last `read` corrected what events had added up, in sum."""

    def events(self) -> list[Event]:
        """The next slice of what happened, in the kernel's order: some dozens of events.

        Breaches and stops are in the next slice, however much has happened before them.
        """

    def breaches(self) -> list[Breached]:
        """Only breaches. What else happened stays for `events`, in its order."""

    def urgent(self) -> list[Event]:
        """Only breaches and stops, with the starts of stopped processes not reported yet."""

    def read(self, now_ns: int) -> list[Event]:
        """A slice of what happened, an exact reading of all that is tracked, the losses.

        Of a process whose start has not been returned by `events` yet, it is returned here.
        """

    def read_one_group(
        self, now_ns: int, cgroup_id: int, first: ProcessKey
    ) -> GroupReading | None:
        """An exact reading of one memory cgroup; None where nothing in it is tracked.

        `first` is read in any case. Of very many processes only the largest of the last
        reading are read besides.
        """

    def mark_process(self, key: ProcessKey, held_bytes: int) -> None:
        """Report `Breached` once, when the process holds this much; 0: never."""

    def mark_group(self, cgroup_id: int, held_bytes: int) -> None:
        """The same for the sum of all tracked processes of a memory cgroup."""

    def sharers(self, keys: Collection[ProcessKey]) -> list[ProcessKey]:
        """Other processes that share all memory of these: clone(CLONE_VM), or vfork.

        A look at all tasks.
        """

    def is_unchanged(self, event: ProcessStarted) -> bool:
        """Whether a process that started so has neither ended nor executed a program since.

        That does not depend on what has been read of the events.
        """

    def drop(self, event: ProcessStarted) -> None:
        """Stop tracking a process that does not match the selection after all.

        If it executes another program, that start is reported and judged by itself.
        """

    def run_time_ns(self) -> int:
        """Nanoseconds the kernel programs ran; 0 where the kernel does not count."""

    def close(self) -> None:
        """Detach everything."""
