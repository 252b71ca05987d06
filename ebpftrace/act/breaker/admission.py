"""Decides whether a firing becomes an incident, or why it does not."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ebpftrace.act.audit.budget import Moment, Spending
from ebpftrace.act.breaker.create_incident import create_incident
from ebpftrace.act.breaker.grace import held_back_by_grace
from ebpftrace.act.breaker.targets import select_targets
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.policy.policy import Policy
from ebpftrace.act.process.ready import ReadyTargets
from ebpftrace.act.trigger.trigger import Firing
from ebpftrace.errors import EbpftraceError
from ebpftrace.ledger import Snapshot
from ebpftrace.text import clean


class Admission:
    """Admits firings as incidents.

    `folder(cgroup path)` is the folder of a cgroup; `clock` is CLOCK_MONOTONIC; `ready` are
    processes that were looked at already.
    """

    def __init__(
        self,
        spending: Spending,
        *,
        folder: Callable[[str], Path | None],
        moment: Callable[[], Moment],
        clock: Callable[[], int],
        ready: ReadyTargets,
    ) -> None:
        self._spending = spending
        self._folder = folder
        self._moment = moment
        self._clock = clock
        self._ready = ready

    def admit(
        self,
        firing: Firing,
        snapshot: Snapshot,
        policies: Sequence[Policy],
        running: Iterable[Incident],
    ) -> Incident | str:
        """The incident to start, or the reason why none starts.

        A firing by a fuse skips cool-down and grace: a process is stopped.
        """
        if not firing.by_fuse and (reason := self._too_early(firing, running)):
            return reason
        try:
            selection = select_targets(policies, firing, snapshot)
            if isinstance(selection, str):
                return selection
            if not firing.by_fuse and (
                young := held_back_by_grace(
                    selection, firing.policy.grace_ns, firing.since_snapshot,
                    self._clock() - snapshot.monotonic_ns,
                )
            ):  # fmt: skip
                return young
            return create_incident(
                firing.policy, firing.finding, selection,
                now_ns=self._clock(),
                folder_of=self._folder,
                since_snapshot=firing.since_snapshot,
                ready=self._ready,
            )  # fmt: skip
        except EbpftraceError as error:
            return error.what
        except OSError as error:  # no descriptor is left for a pidfd
            return error.strerror or clean(str(error))

    def _too_early(self, firing: Firing, running: Iterable[Incident]) -> str:
        account, policy = firing.finding.subject.job.account, firing.policy
        if any(incident.job.account == account for incident in running):
            return "the incident of the job's previous cgroup has not ended"
        if self._spending.cooldown_left_ns(account, policy.cooldown_ns, self._moment()):
            return "the job is in its cool-down"
        return ""
