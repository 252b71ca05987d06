"""A watch that protects two jobs while a test attacks it, and all that is promised then.

The two jobs are in every snapshot, with cgroup, limit and charge; the hook of the first one
runs, and the fuse of the second one stops it, in time (see in_time.py); the watch's memory and
descriptors stay bounded; and it ends when it is asked to, with nothing left stopped.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from signal import SIGTERM
from typing import Self

from tests.support.acting import SECONDS, is_step
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.go_workload import GoWorkload, go_package
from tests.support.in_time import (
    assert_hook_in_time,
    assert_no_snapshot_left_out,
    assert_stop_in_time,
)
from tests.support.names import unique_comm
from tests.support.patience import patient
from tests.support.peaks import Peaks
from tests.support.process_state import state, stops
from tests.support.records import Ended, Record, Watch, holds, job_of
from tests.support.workload import Workload, status

_MIB = 1 << 20
_LIMIT = 1 << 30
_BOUND = 64 * _MIB
_HOOKED_BYTES = 100 * _MIB
_MOST_BEYOND = _MIB
"""Beyond the bound of a fuse: before 6.2 each thread counts 64 pages on its own."""
_END_SECONDS = patient(30)
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
        self._peaks = Peaks(watch.pid)
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
        self.watch.next_snapshot(SECONDS)  # the kernel has the marks of the one before by then
        hooked = self._hooked.process
        hooked.do(f"map {_HOOKED_BYTES}")
        hooked.do("touch 0")
        assert self.watch.wait_for(_is_hook_of(hooked.pid), SECONDS)["status"] == "done"
        assert_hook_in_time(self.watch.records[:], hooked.pid, _BOUND)
        self._is_seen(self._hooked, _HOOKED_BYTES)
        if not fuse:
            return
        fused = self._fused.process
        self.watch.wait_for(holds(fused.pid), SECONDS)
        self.watch.next_snapshot(SECONDS)
        fused.do("map 100MiB")
        fused.send("touch 0")
        stop = self.watch.wait_for(_is_fuse_of(fused.pid), SECONDS)
        assert stop["event"] == "stopped"
        assert_stop_in_time(self.watch.records[:], stop)
        assert stops(fused.pid)
        for held in (stop["held_bytes"], status(fused.pid)["RssAnon"]):
            assert _BOUND - _MOST_BEYOND < held < _BOUND + _MOST_BEYOND, held
        self._is_seen(self._fused, _BOUND)
        self._is_stopped = True

    def ends(self, *, rss_bytes: int = 60 * _MIB, descriptors: int = 256) -> Ended:
        """It never had more than this, and it ends by SIGTERM as it should."""
        self._peaks.end()
        assert 0 < self._peaks.rss_bytes < rss_bytes, f"{self._peaks.rss_bytes / _MIB:.1f} MiB"
        assert 0 < self._peaks.descriptors < descriptors, self._peaks.descriptors
        assert not self._is_stopped or state(self._fused.process.pid) == "T"
        for job in (self._hooked, self._fused):
            if job.has_begun:
                assert_no_snapshot_left_out(self.watch.records[:], job.process.pid)
        ended = self.watch.stop(SIGTERM, _END_SECONDS)
        assert (ended.code, ended.stderr) == (0, ""), (ended.code, ended.stderr)
        assert len(ended.of_type("end")) == 1
        if self._is_stopped:
            self._fused.process.answer()  # it was resumed, and has what it asked for
        self._is_verified = True
        return ended

    def verify(self, *, rss_bytes: int = 60 * _MIB, descriptors: int = 256) -> Ended:
        """All of it."""
        self.works()
        return self.ends(rss_bytes=rss_bytes, descriptors=descriptors)

    def _is_seen(self, job: "_Job", held_bytes: int) -> None:
        found = job_of(self.watch.next_snapshot(SECONDS), job.process.pid)
        assert found["charge_bytes"] >= held_bytes - _MOST_BEYOND
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
    def has_begun(self) -> bool:
        return self._process is not None

    @property
    def process(self) -> Workload:
        if self._process is None:
            kind = GoWorkload if self._go else Workload
            made = kind(self._name, cgroup=self.group)
            self._process = self._stack.enter_context(made)
        return self._process


def _is_hook_of(pid: int) -> Callable[[Record], bool]:
    return lambda record: is_step("exec")(record) and record["pid"] == pid


def _is_fuse_of(pid: int) -> Callable[[Record], bool]:
    return lambda record: record["type"] == "fuse" and record["pid"] == pid
