"""Keeps the pods of this node known, on a thread: lists them once, then watches.

A watch begins at the version where the last one ended, so nothing that happened while the API
was away is missed, a pod that came and went included. Only where the API no longer has that
version (410) all are listed again. Source: kubernetes.io/docs/reference/using-api/api-concepts,
"Efficient detection of changes", and client-go's reflector.
"""

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlencode

from ebpftrace.errors import EbpftraceError
from ebpftrace.kubernetes.client import ApiClient, ApiError, Watch
from ebpftrace.kubernetes.lists import Object
from ebpftrace.kubernetes.pod import Pod, parse_pod
from ebpftrace.kubernetes.pods import KnownPods
from ebpftrace.kubernetes.status import ApiStatus

_WATCH_SECONDS = 240  # the server ends it then, and another begins
_IDLE_SECONDS = _WATCH_SECONDS + 60.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_GONE = 410


class PodWatcher:
    """Started once; `status` and `pods.now` are read by any thread."""

    def __init__(
        self,
        client: ApiClient,
        node: str,
        pods: KnownPods,
        *,
        watch_seconds: int = _WATCH_SECONDS,
        longest_pause: float = _LONGEST_PAUSE,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_change` is called on the thread whenever a pod is known anew."""
        self._client, self._node, self.pods = client, node, pods
        self._watch_seconds, self._longest_pause = watch_seconds, longest_pause
        self._on_change = on_change
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._watch: Watch | None = None
        self._version = ""  # of the collection; "": it is to be listed
        self.lists = 0  # how often all were listed
        self.status = ApiStatus(False, time.monotonic_ns(), "not asked yet")
        self._thread = threading.Thread(target=self._run, name="kubernetes-pods", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, wait_seconds: float = 0.0) -> None:
        """Ends the thread; what it asks for just then may take longer than this time."""
        self._stopping.set()
        with self._lock:
            if self._watch is not None:
                self._watch.close()
        if wait_seconds and self._thread.is_alive():
            self._thread.join(wait_seconds)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._round()
                short = time.monotonic() - began < 1.0
                failures = min(failures + 1, 1) if short else 0
            except Exception as error:
                # Whatever the API sends: memory is watched without it.
                failures += 1
                if isinstance(error, ApiError) and error.status == _GONE:
                    self._version = ""
                else:
                    self._away(error)
            self._stopping.wait(self._pause(failures))

    def _pause(self, failures: int) -> float:
        """Longer each time; by chance, so that ten thousand nodes do not come together."""
        if not failures:
            return 0.0
        longest = min(self._longest_pause, _FIRST_PAUSE * 2.0 ** min(failures, 16))
        return random.uniform(longest / 2, longest)

    def _round(self) -> None:
        """One watch until it ends, after a list if the version is unknown."""
        if not self._version:
            self._list()
        asked = {
            "watch": "true", "allowWatchBookmarks": "true", "resourceVersion": self._version,
            "timeoutSeconds": str(self._watch_seconds),
        }  # fmt: skip
        with self._watching(self._path(asked)) as events:
            self._connected()
            for event in events:
                self._apply(str(event.get("type")), event.get("object"))

    def _list(self) -> None:
        found = self._client.items(self._path({"resourceVersion": "0"}))
        version = _version(next(found))
        pods = [pod for one in found if (pod := parse_pod(one)) is not None]
        self.lists += 1
        self._connected()
        self.pods.replace(pods)
        self._version = version
        self._on_change()

    def _path(self, asked: dict[str, str]) -> str:
        selector = {"fieldSelector": f"spec.nodeName={self._node}"}
        return f"/api/v1/pods?{urlencode(selector | asked)}"

    @contextlib.contextmanager
    def _watching(self, path: str) -> Iterator[Watch]:
        with self._client.watch(path, _IDLE_SECONDS) as watch:
            with self._lock:
                self._watch = watch
                if self._stopping.is_set():
                    watch.close()
            try:
                yield watch
            finally:
                with self._lock:
                    self._watch = None

    def _apply(self, kind: str, found: object) -> None:
        if not isinstance(found, dict):
            raise ApiError("the Kubernetes API sent an event without an object")
        if kind == "ERROR":
            code = found.get("code")
            message = str(found.get("message") or "an error")
            raise ApiError(message, code if isinstance(code, int) else 0)
        pod: Pod | None = None if kind == "BOOKMARK" else parse_pod(found)
        if pod is not None:
            (self.pods.deleted if kind == "DELETED" else self.pods.seen)(pod)
            self._on_change()
        self._version = _version(found) or self._version

    def _connected(self) -> None:
        if not self.status.connected:
            self.status = ApiStatus(True, time.monotonic_ns())

    def _away(self, error: Exception) -> None:
        trouble = error.what if isinstance(error, EbpftraceError) else type(error).__name__
        since_ns = time.monotonic_ns() if self.status.connected else self.status.since_ns
        self.status = ApiStatus(False, since_ns, trouble)


def _version(found: Object) -> str:
    metadata = found.get("metadata")
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    return version if isinstance(version, str) and len(version) < 128 else ""
