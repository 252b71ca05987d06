"""Processes of which it is not known yet whether they match, and that are asked about again."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable

from ebpftrace.events import ProcessKey, ProcessMoved, ProcessStarted
from ebpftrace.host.reading.owners import owner_of, shares_of

MOST = 1024
MOST_OF_OWNER = 64


class UndecidedProcesses:
    """Bounded, and so is each user's share: a process beyond that is not asked about again."""

    def __init__(self, owner: Callable[[int], Hashable] = owner_of) -> None:
        self._owner = owner
        self._events: OrderedDict[ProcessKey, tuple[ProcessStarted, Hashable]] = OrderedDict()
        self._owners: Counter[Hashable] = Counter()

    def __contains__(self, key: ProcessKey) -> bool:
        return key in self._events

    def __len__(self) -> int:
        return len(self._events)

    def add(self, event: ProcessStarted) -> bool:
        """Keep the start of a process; whether there was room."""
        self.forget(event.key)
        owner = self._owner(event.key.pid)
        shares = shares_of(owner)
        if len(self._events) >= MOST or any(
            self._owners[key] >= times * MOST_OF_OWNER for key, times in shares
        ):
            return False
        self._events[event.key] = (event, owner)
        self._owners.update(key for key, _times in shares)
        return True

    def forget(self, key: ProcessKey) -> bool:
        """The process has ended, or executes another program; whether it was kept."""
        event, owner = self._events.pop(key, (None, None))
        if event is None:
            return False
        for counted, _times in shares_of(owner):
            self._owners[counted] -= 1
            if not self._owners[counted]:
                del self._owners[counted]
        return True

    def move(self, event: ProcessMoved) -> None:
        """A process is in another cgroup."""
        if event.key in self._events:
            started, owner = self._events[event.key]
            self._events[event.key] = (started._replace(cgroup_id=event.cgroup_id), owner)

    def take(self) -> list[ProcessStarted]:
        """All of them, the oldest first; none is kept then."""
        events = [event for event, _owner in self._events.values()]
        self._events.clear()
        self._owners.clear()
        return events
