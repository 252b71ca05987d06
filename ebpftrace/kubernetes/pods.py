"""The pods of this node that are known, also those that were deleted a while ago."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from ebpftrace.kubernetes.pod import Pod

_MOST = 4096


class KnownPods:
    """By the uid in their cgroup's path. A deleted pod stays `keep_seconds`: what is known of a
    job that has ended gets its name too, also where the API answers later than that.

    `now` is a frozen mapping, replaced as a whole, and read by any thread.
    """

    def __init__(
        self, keep_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._keep, self._clock = keep_seconds, clock
        self._pods: dict[str, Pod] = {}
        self._gone: dict[str, float] = {}  # since when, the longest deleted first
        self._lock = threading.Lock()
        self.now: Mapping[str, Pod] = MappingProxyType({})

    def replace(self, pods: Iterable[Pod]) -> None:
        """Those that a list has; others were deleted."""
        with self._lock:
            there = {pod.cgroup_uid: pod for pod in pods}
            for uid in self._pods.keys() - there.keys():
                self._gone.setdefault(uid, self._clock())
            for pod in there.values():
                self._put(pod)
            self._publish()

    def seen(self, pod: Pod) -> None:
        """A pod that was added or has changed."""
        with self._lock:
            self._put(pod)
            self._publish()

    def deleted(self, pod: Pod) -> None:
        """A pod that is no more, as it was last."""
        with self._lock:
            self._put(pod)
            self._gone[pod.cgroup_uid] = self._clock()
            self._publish()

    def _put(self, pod: Pod) -> None:
        uid = pod.cgroup_uid
        self._pods[uid] = pod.after(self._pods.pop(uid, None))
        self._gone.pop(uid, None)

    def _publish(self) -> None:
        """Without the old ones, the longest deleted first; then the longest unchanged."""
        old = self._clock() - self._keep
        while self._gone:
            uid, since = next(iter(self._gone.items()))
            if since > old and len(self._pods) <= _MOST:
                break
            del self._gone[uid]
            self._pods.pop(uid, None)
        while len(self._pods) > _MOST:
            del self._pods[next(iter(self._pods))]
        self.now = MappingProxyType(dict(self._pods))
