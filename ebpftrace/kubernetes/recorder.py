"""Writes events to the API on its own thread: `put` never waits, and losses are counted."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from types import MappingProxyType

from ebpftrace.errors import EbpftraceError
from ebpftrace.kubernetes.client import MERGE_PATCH, ApiClient, ApiError
from ebpftrace.kubernetes.event import PodEvent, SeriesKey, new_event, series_key, series_patch
from ebpftrace.kubernetes.lists import Object
from ebpftrace.kubernetes.pod import Pod
from ebpftrace.kubernetes.pods import KnownPods
from ebpftrace.kubernetes.series import CountedEvent, EventSeries

_MOST_WAITING = 256
_MOST_OF_A_POD = 32
_PATIENCE_SECONDS = 60.0  # for a pod to be known, and for the API to answer
_LOOK_SECONDS = 0.5
_RETRY_SECONDS = 2.0
_GONE = 404


class EventRecorder:
    """`counts` is a frozen mapping: events created, joined to a series, and lost by cause."""

    def __init__(
        self,
        client: ApiClient,
        node: str,
        pods: KnownPods,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._node, self._pods, self._clock = client, node, pods, clock
        self._series = EventSeries(clock)
        self._waiting: deque[tuple[float, PodEvent]] = deque()
        self._of_pods: Counter[str] = Counter()  # how many of these wait
        self._changed = threading.Condition()
        self._stopping = False
        self._counts: Counter[str] = Counter()
        self.counts: Mapping[str, int] = MappingProxyType({})
        self._thread = threading.Thread(target=self._run, name="kubernetes-events", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, wait_seconds: float) -> None:
        """Write what is there, for this long at most."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(wait_seconds)

    def put(self, event: PodEvent) -> None:
        """Have it written. One pod has a part of the queue at most."""
        uid = event.place.uid
        with self._changed:
            if len(self._waiting) < _MOST_WAITING and self._of_pods[uid] < _MOST_OF_A_POD:
                self._of_pods[uid] += 1
                self._waiting.append((self._clock(), event))
                self._changed.notify()
            else:
                self._count("lost_queue")

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._waiting and not self._stopping:
                    self._changed.wait(self._series.next_due())
                stopping, round_ = self._stopping, len(self._waiting)
            answered = all(self._next() for _ in range(round_))  # ends at the first that is not
            for key, series in self._series.due(all_of_them=stopping):
                self._tell(key, series, is_last=stopping)
            if stopping:
                return
            if self._waiting:  # for a pod to be known, or for the API
                with self._changed:
                    self._changed.wait_for(
                        lambda: self._stopping, _LOOK_SECONDS if answered else _RETRY_SECONDS
                    )

    def _next(self) -> bool:
        """Handle the event that waits longest; False if the API did not answer."""
        with self._changed:
            since, event = self._waiting.popleft()
            self._of_pods[event.place.uid] -= 1
            if not self._of_pods[event.place.uid]:
                del self._of_pods[event.place.uid]
        pod = self._pods.now.get(event.place.uid)
        if pod is None:
            self._again(since, event, "lost_unknown_pod")
            return True
        key = series_key(event, pod)
        if self._series.join(key, event.time_ns):
            self._count("joined")
        elif not self._series.may_create(pod.uid):
            self._count("lost_rate")
        else:
            return self._create(since, event, pod, key)
        return True

    def _create(self, since: float, event: PodEvent, pod: Pod, key: SeriesKey) -> bool:
        body = new_event(event, pod, self._node)
        path = f"/apis/events.k8s.io/v1/namespaces/{pod.namespace}/events"
        error = self._ask("POST", path, body)
        if error is None:
            self._count("created")
            self._series.created(key, f"{path}/{body['metadata']['name']}", event.time_ns)
        elif error.may_pass:
            self._again(since, event, "lost_unreachable")
            return False
        else:
            self._count("lost_refused")
        return True

    def _tell(self, key: SeriesKey, series: CountedEvent, *, is_last: bool) -> None:
        """How often it happened. An event that has expired begins anew the next time."""
        count = series.count
        error = self._ask("PATCH", series.path, series_patch(count, series.last_ns))
        if error is None:
            self._series.patched(series, count)
        elif error.may_pass:
            self._series.postponed(series)
            if is_last:
                self._count("lost_unreachable")
        else:
            self._series.forget(key)
            if error.status != _GONE:
                self._count("lost_refused")

    def _ask(self, method: str, path: str, body: Object) -> ApiError | None:
        content = MERGE_PATCH if method == "PATCH" else "application/json"
        try:
            self._client.call(method, path, body, content_type=content)
        except ApiError as error:
            return error
        except EbpftraceError as error:  # there is no token
            return ApiError(error.what)
        return None

    def _again(self, since: float, event: PodEvent, cause: str) -> None:
        """Keep it for a later try, unless it waits too long already."""
        with self._changed:
            if self._stopping or self._clock() - since > _PATIENCE_SECONDS:
                self._count(cause)
                return
            self._of_pods[event.place.uid] += 1
            self._waiting.append((since, event))

    def _count(self, what: str) -> None:
        with self._changed:
            self._counts[what] += 1
            self.counts = MappingProxyType(dict(self._counts))
