"""Links the processes that fuses stop to the incidents of their jobs.

An incident is about one process of the job, its target, or a few. If it ends, the other
stopped processes are resumed, and one stopped since is the next target; if it survives its
incident, all are resumed.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from ebpftrace.act.breaker.breaker import Breaker
from ebpftrace.act.breaker.create_incident import has_new_name
from ebpftrace.act.fuse.blame import Blame, blame_for, own_blame
from ebpftrace.act.fuse.controller import FuseController
from ebpftrace.act.fuse.effects import find
from ebpftrace.act.fuse.events import FuseEvent, UserCommand, UserCommandKind
from ebpftrace.act.fuse.phases import IncidentPhase, IncidentPhases
from ebpftrace.act.fuse.reports import FuseReports
from ebpftrace.act.fuse.states import StoppedProcess, StopState
from ebpftrace.act.incident.outcome import BreakerEvent
from ebpftrace.act.policy.policy import Policy
from ebpftrace.events import FuseBlown, ProcessKey
from ebpftrace.host.pidfd import is_alive
from ebpftrace.ledger import KnownProcess, Snapshot
from ebpftrace.units import NS_PER_SECOND

_EXEC_NS = 2 * NS_PER_SECOND  # the record of an exec comes within this, or was lost


class FuseIncidents:
    """Connects the kernel's stops, the breaker's incidents and the view.

    `report_fuse` gets the fuse events that act/fuse/reports.py lets through, `report` the
    breaker's events, `remark` warnings; `clock` is CLOCK_MONOTONIC, in ns.
    """

    def __init__(
        self,
        controller: FuseController,
        breaker: Breaker,
        *,
        report_fuse: Callable[[FuseEvent], None],
        report: Callable[[Iterable[BreakerEvent]], None],
        remark: Callable[[str], None],
        clock: Callable[[], int],
    ) -> None:
        self._controller = controller
        self._breaker = breaker
        self._report, self._remark = report, remark
        self._reports = FuseReports(breaker, report_fuse, remark, clock)
        self._clock = clock
        self._phases = IncidentPhases()
        # These two are kept until no job has an incident.
        self._ended: set[ProcessKey] = set()
        self._targets: set[ProcessKey] = set()  # of incidents that a fuse started
        self._retry = False  # a stopped process needs an incident, and can have it soon
        self._snapshot: Snapshot | None = None
        self._reported_unlimited: frozenset[str] = frozenset()

    @property
    def needs_snapshot(self) -> bool:
        """Whether a stopped process waits for a snapshot, which is not to wait for its tick."""
        ended = self._phases.any(IncidentPhase.TARGETS_ENDED)
        return self._controller.has_unidentified or ended or self._retry

    def kernel_kill(
        self, blown: FuseBlown, policies: Sequence[Policy], process: KnownProcess | None
    ) -> None:
        """The kernel killed a process at its bound; `process` is what the ledger has of it."""
        event = None
        if process is not None:
            event = self._controller.kernel_kill(blown, policies, process)
        if event is None:
            self._remark(f"a fuse killed untracked process {blown.key.pid}")
            return
        self._reports.add_kill(event)

    def kernel_stop(self, blown: FuseBlown) -> None:
        """The kernel stopped a process at its bound."""
        if weakness := self._controller.kernel_stop(blown):
            self._remark(weakness)

    def ended(self, key: ProcessKey) -> None:
        """A process has ended."""
        self._ended.add(key)
        for job in self._phases:
            targets = self._breaker.targets_of(job)
            if targets is None or key not in targets:
                continue
            if self._phases.get(job) is IncidentPhase.RUNNING and targets <= self._ended:
                self._phases.proceed(job, IncidentPhase.TARGETS_ENDED)
        self._reports.add(self._controller.ended(key, self._clock()))

    def executed(self, key: ProcessKey) -> None:
        """A process called exec."""
        self._controller.executed(key)

    def handle_snapshot(self, policies: Sequence[Policy], snapshot: Snapshot) -> None:
        """Identify what was stopped, start incidents, and set the bounds anew."""
        self._snapshot, self._retry = snapshot, False
        self._reports.add(self._controller.identify(policies, snapshot))
        self._controller.target(self._targets)  # those that were stopped once more
        for job in self._phases:
            if self._phases.get(job) is IncidentPhase.TARGETS_ENDED:
                self._phases.proceed(job, IncidentPhase.SUCCESSION)
                self._resume_job(job)
            if self._phases.get(job) is IncidentPhase.SUCCESSION and self._stopped_in(job):
                self._report(self._breaker.conclude(job, "another stopped process is next"))
                if self._breaker.targets_of(job) is None:
                    self._phases.end(job)
        self._start_incidents(policies, snapshot)
        self._reports.sum_up()
        self._controller.arm(policies, snapshot, self._breaker.budget_refusal)
        unlimited = self._controller.unlimited
        for name in sorted(unlimited - self._reported_unlimited):
            self._remark(f"{name} has no memory limit: a fuse at a share of it never acts")
        self._reported_unlimited = unlimited

    def after_actions(self) -> None:
        """Handle incidents that have ended: resume all, or let the next process have one."""
        for job in [job for job in self._phases if self._breaker.targets_of(job) is None]:
            if self._phases.get(job) is not IncidentPhase.SUCCESSION:
                self._resume_job(job)
            self._retry |= bool(self._stopped_in(job))
            self._phases.end(job)
        if not self._phases:
            self._ended.clear()
            self._targets.clear()

    def resume(self, key: ProcessKey) -> None:
        """Resume a process, if it is stopped; its incident continues."""
        self._reports.add(self._controller.resume(key, self._clock()))

    def execute(self, command: UserCommand) -> None:
        """Carry out a user's decision on a stopped process."""
        process = self._controller.find(command.process)
        if process is None:
            self._remark(f"process {command.process.pid} is not stopped by a fuse")
        elif command.kind is UserCommandKind.THAW:
            self._thaw(process)
        else:
            self._end(process)

    def thaw(self, pid: int | None) -> list[str]:
        """Resume the process, or all (None); one sentence for each that is resumed."""
        events: list[FuseEvent] = []
        for process in self._controller.stopped:
            if pid in (None, process.key.pid):
                events += self._thaw(process)
        return [event.sentence for event in events]

    def close(self) -> None:
        """The watch ends: resume all stopped processes."""
        self._reports.add(self._controller.close(self._clock()))
        self._reports.sum_up(last=True)

    def _thaw(self, process: StoppedProcess) -> list[FuseEvent]:
        if self._is_target(process):
            self._report(self._breaker.cancel(process.job, "thawed by hand"))
        return self._reports.add(self._controller.resume(process.key, self._clock()))

    def _end(self, process: StoppedProcess) -> None:
        if not self._is_target(process):
            name = f"{process.event.comm} {process.key.pid}"
            self._report(self._breaker.cancel(process.job, f"{name} is killed by hand"))
            if self._snapshot is not None:
                self._start_incident([process], self._snapshot, own_blame(process), only=True)
        self._report(self._breaker.kill_now(process.job, "killed by hand"))

    def _is_target(self, process: StoppedProcess) -> bool:
        return process.owner in (self._breaker.targets_of(process.job) or ())

    def _start_incidents(self, policies: Sequence[Policy], snapshot: Snapshot) -> None:
        """Start an incident in every job that has stopped processes and none yet.

        Where another job in the cgroup is to blame, they stay stopped until that one's ends.
        """
        by_job: defaultdict[str, list[StoppedProcess]] = defaultdict(list)
        for process in self._controller.stopped:
            by_job[process.job].append(process)
        for job, processes in by_job.items():
            if job in self._phases:
                continue
            about = blame_for(policies, snapshot, processes[0])
            if about.job.key in self._phases:
                continue
            firing = about.firing(processes[0].event)
            if self._breaker.targets_of(about.job.key) is not None:
                self._phases.begin(about.job)  # started by a finding
            elif (held_back := self._breaker.hold_back(firing)) is not None:
                self._report(held_back)  # they stay stopped
            else:
                self._start_incident(processes, snapshot, about)

    def _start_incident(
        self,
        processes: list[StoppedProcess],
        snapshot: Snapshot,
        about: Blame,
        *,
        only: bool = False,
    ) -> None:
        """Start an incident for stopped processes of one job; resume them if it fails.

        With `only`, or at a bound of its own, it is about the first of them. Else the breaker
        chooses by growth, among all processes of the job `about`; where none of its own job
        stands out, it is about the stopped process that holds most.
        """
        first = largest = processes[0]
        candidates: list[FuseEvent | None] = [first.of_owner]
        if not (only or first.has_own_bound):
            largest = max(processes, key=lambda process: process.event.held_bytes)
            candidates = [None, largest.of_owner] if about.job.key == first.job else [None]
        targets = None
        for target in candidates:
            firing = about.firing(first.event, target)
            self._report(self._breaker.start_fuse_incident(firing, snapshot, by_hand=only))
            targets = self._breaker.targets_of(about.job.key)
            if targets is not None or self._controller.find(largest.key) is None:
                break
        if targets is not None:
            self._phases.begin(about.job)
            self._targets |= targets
            self._controller.target(targets)
        elif _is_executing(largest, snapshot, self._clock()):
            self._retry = True
        else:
            self._resume_job(first.job)
            self.resume(largest.key)

    def _resume_job(self, job: str) -> None:
        """Resume the targets and all processes stopped for the sum of the job."""
        for process in self._stopped_in(job):
            is_target = self._controller.state(process.key) is StopState.TARGET
            # The end of a process that is not alive is reported in a moment.
            if (is_target or not process.has_own_bound) and is_alive(process.key):
                self.resume(process.key)

    def _stopped_in(self, job: str) -> list[StoppedProcess]:
        return [it for it in self._controller.stopped if self._phases.has(job, it)]


def _is_executing(process: StoppedProcess, snapshot: Snapshot, now_ns: int) -> bool:
    """Whether it was stopped within exec, and the snapshot still has its old program.

    Whether an incident is about it depends on the new one.
    """
    late = now_ns - process.event.monotonic_ns > _EXEC_NS
    found = None if late else find(snapshot, process.key)
    return found is not None and has_new_name(found[1])
