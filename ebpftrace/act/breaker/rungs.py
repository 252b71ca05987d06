"""The steps of a ladder that run now: one in turn, and those that it does not wait for."""

from collections.abc import Iterator
from pathlib import Path

from ebpftrace.act.breaker.rung import Rung


class Rungs:
    """`current` is the step in turn, `beside` are the others."""

    def __init__(self) -> None:
        self.current: Rung | None = None
        self.beside: list[Rung] = []

    def __iter__(self) -> Iterator[Rung]:
        yield from self.beside
        if self.current is not None:
            yield self.current

    @property
    def fds(self) -> tuple[int, ...]:
        """Poll once one of these is readable."""
        return tuple(fd for rung in self for fd in rung.fds)

    @property
    def deadline_ns(self) -> int | None:
        """Poll by then, CLOCK_MONOTONIC; None: nothing runs."""
        return min((rung.deadline_ns for rung in self), default=None)

    @property
    def saving(self) -> Rung | None:
        """A step whose evidence is read, but not on the disk yet."""
        return next((rung for rung in self.beside if rung.saving), None)

    def add(self, rung: Rung, *, beside: bool) -> None:
        """A step has started."""
        if beside:
            self.beside.append(rung)
        else:
            self.current = rung

    def remove(self, rung: Rung) -> Rung:
        """This step is over."""
        if rung is self.current:
            self.current = None
        else:
            self.beside.remove(rung)
        return rung

    def save_beside(self, earlier: Path | None) -> None:
        """Let the next step start while the evidence of the current one is written.

        `earlier` is what another step had saved before.
        """
        assert self.current is not None
        self.current.saving, self.current.earlier_evidence = True, earlier
        self.beside.append(self.current)
        self.current = None

    def clear(self) -> None:
        """All are over."""
        self.current, self.beside = None, []
