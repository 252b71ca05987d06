"""Which events are created, which join a series, and which are too many.

As client-go's recorder does it: what happens again within six minutes of the last time raises
the count of the event that is there. Source: client-go, tools/events/event_broadcaster.go.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from ebpftrace.kubernetes.event import SeriesKey

SERIES_SECONDS = 360.0
_PATCH_EVERY = 10.0
_MOST_SERIES = 1024
_MOST_PODS = 1024
_POD_BURST, _POD_PER_SECOND = 10.0, 1 / 60
_BURST, _PER_SECOND = 50.0, 2.0


@dataclass(slots=True)
class CountedEvent:
    """An event that was created: where it is, and how often it happened."""

    path: str
    count: int
    last_ns: int  # Unix time
    last: float  # on the clock of `EventSeries`
    tried: float  # when the API was last told, or was to be
    patched_count: int

    @property
    def is_new(self) -> bool:
        """Whether something happened that the API does not have."""
        return self.count > self.patched_count


class EventSeries:
    """Used by one thread. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._series: OrderedDict[SeriesKey, CountedEvent] = OrderedDict()
        self._pods: OrderedDict[str, EventAllowance] = OrderedDict()
        self._all = EventAllowance(_BURST, _PER_SECOND, clock())

    def join(self, key: SeriesKey, time_ns: int) -> bool:
        """Count an event in a series that is there; False if it needs one of its own."""
        found = self._series.get(key)
        if found is None or self._clock() - found.last > SERIES_SECONDS:
            return False
        found.count, found.last_ns, found.last = found.count + 1, time_ns, self._clock()
        return True

    def may_create(self, pod_uid: str) -> bool:
        """Whether another event may be created: bounded for each pod, and in all."""
        now = self._clock()
        pod = self._pods.pop(pod_uid, None) or EventAllowance(_POD_BURST, _POD_PER_SECOND, now)
        self._pods[pod_uid] = pod
        if len(self._pods) > _MOST_PODS:
            self._pods.popitem(last=False)
        return pod.has_one(now) and self._all.take(now) and pod.take(now)

    def created(self, key: SeriesKey, path: str, time_ns: int) -> None:
        """An event was created there."""
        now = self._clock()
        self._series.pop(key, None)
        self._series[key] = CountedEvent(path, 1, time_ns, now, now, 1)
        if len(self._series) > _MOST_SERIES:
            self._series.popitem(last=False)

    def forget(self, key: SeriesKey) -> None:
        """The event is no longer there."""
        self._series.pop(key, None)

    def due(self, *, all_of_them: bool = False) -> list[tuple[SeriesKey, CountedEvent]]:
        """Those whose count the API is to have now; old ones are forgotten."""
        now = self._clock()
        for key in [key for key, it in self._series.items()
                    if now - it.last > SERIES_SECONDS and not it.is_new]:  # fmt: skip
            del self._series[key]
        return [
            (key, it)
            for key, it in self._series.items()
            if it.is_new
            and (all_of_them or now - it.tried >= _PATCH_EVERY)
            and self._all.take(now)
        ]

    def next_due(self) -> float | None:
        """In how many seconds one will be; None: not before another event."""
        waits = [it.tried + _PATCH_EVERY for it in self._series.values() if it.is_new]
        if not waits:
            return None
        now = self._clock()
        return max(0.0, min(waits) - now, self._all.seconds_to_one(now))

    def patched(self, series: CountedEvent, count: int) -> None:
        """The API has this count."""
        series.tried, series.patched_count = self._clock(), count

    def postponed(self, series: CountedEvent) -> None:
        """The API did not take the count now; it is due again later."""
        series.tried = self._clock()


@dataclass(slots=True)
class EventAllowance:
    """A bucket that fills slowly."""

    burst: float
    per_second: float
    since: float
    used: float = 0.0

    def has_one(self, now: float) -> bool:
        self.used = max(0.0, self.used - (now - self.since) * self.per_second)
        self.since = now
        return self.used + 1.0 <= self.burst

    def seconds_to_one(self, now: float) -> float:
        """Until it has one; 0 if it does now."""
        if self.has_one(now):
            return 0.0
        return (self.used + 1.0 - self.burst) / self.per_second

    def take(self, now: float) -> bool:
        if not self.has_one(now):
            return False
        self.used += 1.0
        return True
