"""A watch that protects two jobs while a test attacks it, and all that is promised then.

The two jobs are in the snapshots, the hook of the first one runs, and the fuse of the second
one stops it; the watch's memory and descriptors stay bounded; and it ends when it is asked to,
with nothing left stopped.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from signal import SIGTERM
from typing import Self

from tests.support.acting import SECONDS, is_step
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.go_workload import GoWorkload, go_package
from tests.support.names import unique_comm
from tests.support.patience import patient
from tests.support.process_state import state
from tests.support.records import Ended, Record, Watch, holds, job_of
from tests.support.workload import Workload, status

_MIB = 1 << 20
_LIMIT = 1 << 30
_END_SECONDS = patient(30)
_SAMPLE_SECONDS = 0.02
_POLICIES = """
[[policy]]
name = "protect"
match.comm = "{hooked}"
grace = "0s"
capture = false
when = [{{ detector = "level", bound = "64MiB" }}]
then = [{{ action = "exec", command = ["/bin/true"] }}]

[[policy]]
name = "stop"
match.comm = "{fused}"
capture = false
fuse = {{ bound = "64MiB", of = "job" }}
then = [{{ action = "exec", command = ["sleep", "300"], timeout = "5m" }}]
"""


class Protection:
    """A test calls `verify`, or `works` and `ends`, while its attack lasts.

    `begin` is for what the watch knows before the attack.
    """

    def __init__(self, watch: Watch, hooked: "_Job", fused: "_Job") -> None:
        self.watch = watch
        self._hooked, self._fused = hooked, fused
        self._peaks = _Peaks(watch.pid)
        self._is_stopped = self._is_verified = False

    def __enter__(self) -> Self:
        self._peaks.begin()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._peaks.stop()
        assert self._is_verified or kind, "this test verified nothing"

    def begin(self) -> None:
        """The job with the hook begins and is in a snapshot, so that the attack finds it."""
        self.watch.wait_for(holds(self._hooked.process.pid), SECONDS)

    def works(self, *, fuse: bool = True) -> None:
        """The job with the hook, unless it has begun, and then that with the fuse begin."""
        self.begin()
        hooked = self._hooked.process
        hooked.do("map 100MiB")
        hooked.do("touch 0")
        assert self.watch.wait_for(_is_hook_of(hooked.pid), SECONDS)["status"] == "done"
        self._is_seen(self._hooked)
        if not fuse:
            return
        fused = self._fused.process
        self.watch.wait_for(holds(fused.pid), SECONDS)
        self.watch.next_snapshot(SECONDS)  # the bound of the one before is set by then
        fused.do("map 100MiB")
        fused.send("touch 0")
        stop = self.watch.wait_for(_is_fuse_of(fused.pid), SECONDS)
        assert stop["event"] == "stopped"
        assert 64 * _MIB <= stop["held_bytes"] < 72 * _MIB
        self._is_seen(self._fused)
        self._is_stopped = True

    def ends(self, *, rss_bytes: int = 60 * _MIB, descriptors: int = 256) -> Ended:
        """It never had more than this, and it ends by SIGTERM as it should."""
        self._peaks.end()
        assert 0 < self._peaks.rss_bytes < rss_bytes, f"{self._peaks.rss_bytes / _MIB:.1f} MiB"
        assert 0 < self._peaks.descriptors < descriptors, self._peaks.descriptors
        assert not self._is_stopped or state(self._fused.process.pid) == "T"
        ended = self.watch.stop(SIGTERM, _END_SECONDS)
        assert (ended.code, ended.stderr) == (0, "")
        assert len(ended.of_type("end")) == 1
        if self._is_stopped:
            self._fused.process.answer()  # it was resumed, and has what it asked for
        self._is_verified = True
        return ended

    def verify(self, *, rss_bytes: int = 60 * _MIB, descriptors: int = 256) -> Ended:
        """All of it."""
        self.works()
        return self.ends(rss_bytes=rss_bytes, descriptors=descriptors)

    def _is_seen(self, job: "_Job") -> None:
        found = job_of(self.watch.next_snapshot(SECONDS), job.process.pid)
        if job.limit:
            assert (found["cgroup"], found["limit_bytes"]) == (job.group.name, job.limit)

    def of_attack(self, kind: str) -> list[Record]:
        """The records of one type that came so far and are about no protected process."""
        return list(filter(self.is_of_attack(kind), self.watch.records))

    def is_of_attack(self, kind: str) -> Callable[[Record], bool]:
        """Is it such a record?"""
        protected = {job.process.pid for job in (self._hooked, self._fused)}
        return lambda record: record["type"] == kind and record["pid"] not in protected


@contextmanager
def protected_watch(
    folder: Path,
    *options: str,
    policies: str = "",
    scope: Sequence[MemoryCgroup] = (),
    parent: MemoryCgroup | None = None,
    go: bool = False,
    wrapper: Callable[[Sequence[str]], Sequence[str]] = list,
) -> Iterator[Protection]:
    """A watch with these options and policies, which has the audit log `folder`/audit.jsonl.

    With a `scope` it watches these cgroups and those of the protected jobs. Those are in a
    cgroup each, with a limit; or below `parent`, which has to be watched, without one and
    made when they begin. With `go` they are selected by `--go-main`, else by `--comm`.
    `wrapper` makes the command line of the watch another.
    """
    hooked, fused = unique_comm(), unique_comm()
    policy = folder / "policy.toml"
    policy.write_text(_POLICIES.format(hooked=hooked, fused=fused) + policies, "utf-8")
    policy.chmod(0o644)
    selected = ("--go-main", go_package(hooked), "--go-main", go_package(fused)) if go else (
        "--comm", hooked, "--comm", fused
    )  # fmt: skip
    with _Job(hooked, go, parent) as one, _Job(fused, go, parent) as two:
        groups = [*scope, one.group, two.group] if scope else []
        argv = (
            *selected, *(word for group in groups for word in ("--cgroup", group.name)),
            "--config", str(policy), "--audit", str(folder / "audit.jsonl"), *options,
        )  # fmt: skip
        with _Wrapped(wrapper, *argv) as watch, Protection(watch, one, two) as protection:
            yield protection


class _Wrapped(Watch):
    """A watch that another program starts, with its own pid."""

    def __init__(self, wrapper: Callable[[Sequence[str]], Sequence[str]], *args: str) -> None:
        super().__init__(*args)
        self._wrapper = wrapper

    @property
    def argv(self) -> Sequence[str]:
        return self._wrapper(super().argv)


class _Job:
    """A process that begins when it is first asked for, and its cgroup."""

    def __init__(self, name: str, go: bool, parent: MemoryCgroup | None) -> None:
        self._name, self._go, self._parent = name, go, parent
        self._stack = ExitStack()
        self._group: MemoryCgroup | None = None
        self._process: Workload | None = None
        self.limit = _LIMIT if parent is None else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def group(self) -> MemoryCgroup:
        if self._group is None:
            made = memory_cgroup(self.limit, parent=self._parent, hand_down=False)
            self._group = self._stack.enter_context(made)
        return self._group

    @property
    def process(self) -> Workload:
        if self._process is None:
            kind = GoWorkload if self._go else Workload
            made = kind(self._name, cgroup=self.group)
            self._process = self._stack.enter_context(made)
        return self._process


class _Peaks:
    """The most memory and the most descriptors that a process had."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="descriptors", daemon=True)
        self.rss_bytes = self.descriptors = 0

    def begin(self) -> None:
        """What it needed to start is forgotten."""
        Path(f"/proc/{self._pid}/clear_refs").write_text("5", "utf-8")  # VmHWM
        self._thread.start()

    def end(self) -> None:
        """It still runs."""
        self.stop()
        self.rss_bytes = status(self._pid)["VmHWM"]

    def stop(self) -> None:
        """No more samples. May be called again."""
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(_SAMPLE_SECONDS):
            try:
                count = sum(1 for _ in Path(f"/proc/{self._pid}/fd").iterdir())
            except OSError:
                return  # it has ended
            self.descriptors = max(self.descriptors, count)


def _is_hook_of(pid: int) -> Callable[[Record], bool]:
    return lambda record: is_step("exec")(record) and record["pid"] == pid


def _is_fuse_of(pid: int) -> Callable[[Record], bool]:
    return lambda record: record["type"] == "fuse" and record["pid"] == pid
