"""Whether a firing becomes an incident now, and which, or why it is held back."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ebpftrace.act.audit.budget import Moment, Spending
from ebpftrace.act.breaker.create_incident import create_incident
from ebpftrace.act.breaker.curves import Curves
from ebpftrace.act.breaker.targets import select_targets
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.policy.policy import Policy
from ebpftrace.act.trigger.trigger import Firing
from ebpftrace.errors import EbpftraceError
from ebpftrace.ledger import Snapshot
from ebpftrace.text import clean


class Admission:
    """`see` each snapshot; `admit` what fires.

    `folder(cgroup path)` says where a cgroup's files are.
    """

    def __init__(
        self,
        spending: Spending,
        *,
        folder: Callable[[str], Path | None],
        moment: Callable[[], Moment],
        clock: Callable[[], int],
    ) -> None:
        self._spending = spending
        self._folder = folder
        self._moment = moment
        self._clock = clock
        self._curves = Curves()

    def see(self, snapshot: Snapshot) -> None:
        """What an incident is told to have come from."""
        self._curves.add(snapshot)

    def admit(
        self,
        firing: Firing,
        snapshot: Snapshot,
        policies: Sequence[Policy],
        running: Iterable[Incident],
    ) -> Incident | str:
        """The incident that begins, or why none does.

        Where a fuse blew, somebody stands: neither rest nor grace is waited for.
        """
        if not firing.blown and (why := self._too_early(firing, running)):
            return why
        try:
            aimed = select_targets(policies, firing, snapshot)
            if isinstance(aimed, str):
                return aimed
            one = aimed.process
            if not firing.blown and aimed.age_ns < firing.policy.grace_ns:
                return f"{one.comm} {one.pid} is young"
            return create_incident(
                firing.policy, firing.finding, aimed,
                now_ns=self._clock(),
                folder_of=self._folder,
                curve=self._curves.of(firing.finding.subject.job.key),
                more=firing.more,
            )  # fmt: skip
        except EbpftraceError as error:
            return error.what
        except OSError as error:  # no descriptor is left to hold the process by
            return error.strerror or clean(str(error))

    def _too_early(self, firing: Firing, running: Iterable[Incident]) -> str:
        account, policy = firing.finding.subject.job.account, firing.policy
        if any(one.job.account == account for one in running):
            return "the incident of the cgroup that it had before is not over"
        if self._spending.resting_ns(account, policy.cooldown_ns, self._moment()):
            return "the job rests after its last incident"
        return ""
