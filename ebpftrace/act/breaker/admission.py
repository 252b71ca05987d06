"""Decides whether a firing becomes an incident, or why it does not."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ebpftrace.act.audit.budget import Moment, Spending
from ebpftrace.act.audit.in_vain import InVain
from ebpftrace.act.breaker.create_incident import create_incident
from ebpftrace.act.breaker.grace import held_back_by_grace
from ebpftrace.act.breaker.targets import TargetSelection, select_targets
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
    processes that were looked at already, `in_vain` those about which nothing was done.
    """

    def __init__(
        self,
        spending: Spending,
        *,
        folder: Callable[[str], Path | None],
        moment: Callable[[], Moment],
        clock: Callable[[], int],
        ready: ReadyTargets,
        in_vain: InVain,
    ) -> None:
        self._spending = spending
        self._folder = folder
        self._moment = moment
        self._clock = clock
        self._ready = ready
        self._in_vain = in_vain

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
            if not firing.by_fuse and (refused := self._refused_again(firing, selection)):
                return refused
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
        account, *shared = firing.finding.subject.job.accounts
        if any(incident.job.account == account for incident in running):
            return "the incident of the job's previous cgroup has not ended"
        if self._cools_down(account, firing.policy):
            return "the job is in its cool-down"
        if any(self._cools_down(it, firing.policy) for it in shared):
            return "its cgroup is in the cool-down of another CI run"
        return ""

    def _cools_down(self, account: str, policy: Policy) -> bool:
        left_ns = self._spending.cooldown_left_ns(account, policy.cooldown_ns, self._moment())
        return left_ns > 0

    def _refused_again(self, firing: Firing, selection: TargetSelection) -> str:
        """Why the budget still allows nothing, if an incident about this process said so."""
        policy = firing.policy
        if not self._in_vain.has(policy.name, selection.process.key):
            return ""
        accounts = firing.finding.subject.job.accounts
        return self._spending.refusal(accounts, policy.budget, self._moment())
