"""What a fuse's kill leaves behind: sharers of the memory, and debuggers that keep it."""

from collections import deque

from ebpftrace.act.actions.support.tracers import Tracers
from ebpftrace.act.process.sharers import kill_each
from ebpftrace.events import FuseBlown, ProcessKey, ProcessStarted, StartCause
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.probe import Probe
from ebpftrace.units import NS_PER_SECOND

_MOST_KILLS = 256
_WITHIN_NS = 10 * NS_PER_SECOND  # of a kill: the next reading has what it left behind


class FuseKills:
    """Kills those as well: the memory is free only once its last process has ended.

    The kernel side kills each process at its own next page; one that takes none lives on.
    """

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._tracers: dict[str, Tracers] = {}  # by what was given to the job of the killed
        self._number = 0  # of their memory; see `HeirControl`
        self._killed: deque[tuple[ProcessKey, int, str]] = deque(maxlen=_MOST_KILLS)

    def killed(self, event: FuseBlown, now_ns: int, job: JobIdentity | None = None) -> None:
        """The kernel killed a process of this job; times are CLOCK_MONOTONIC."""
        given_path = "" if job is None else job.given_path
        self._killed.append((event.tracked, now_ns, given_path))
        self._expect(event.tracked)
        own = () if event.owner is None else (event.tracked,)
        kill_each([*own, *self._probe.sharers([event.tracked])])
        if event.owner is not None and self._probe.fuses is not None:
            self._probe.fuses.clear_stop(event.key)  # of its end there is no event

    def started(self, event: ProcessStarted, now_ns: int) -> None:
        """A process is tracked; perhaps in the place of a killed one, with its memory."""
        if event.how is StartCause.SHARED and any(
            key.pid == event.parent_pid and now_ns - at < _WITHIN_NS
            for key, at, _given in self._killed
        ):
            self._expect(event.key)  # the memory of the first may have been handed over unseen
            kill_each([event.key, *self._probe.sharers([event.key])])

    def _expect(self, key: ProcessKey) -> None:
        if self._probe.heirs is not None:
            self._number = self._probe.heirs.expect([key], self._number)

    def handle_snapshot(self, now_ns: int) -> None:
        """End what keeps the memory still, and debuggers that keep the killed from ending."""
        recent: dict[str, list[ProcessKey]] = {}
        for key, at, given in self._killed:
            if now_ns - at < _WITHIN_NS:
                recent.setdefault(given, []).append(key)
        self._tracers = {given: self._tracers.get(given) or Tracers() for given in recent}
        if not recent:
            return
        for given, keys in recent.items():
            self._tracers[given].end(keys, (given,))
        if self._probe.heirs is not None:
            kill_each(heir.key for heir in self._probe.heirs.heirs(self._number))
