"""The recovery checks of one incident: the one in progress, and the last result."""

from ebpftrace.act.breaker.recovery_check import RecoveryCheck, RecoveryVerdict
from ebpftrace.act.incident.incident import Incident
from ebpftrace.ledger import Snapshot


class RecoveryState:
    """`start` a check after a step, `observe` snapshots, and `complete` it at a verdict."""

    def __init__(self) -> None:
        self.verdict = RecoveryVerdict.WAIT
        self.result: RecoveryCheck | None = None  # the last check that was completed
        self._check: RecoveryCheck | None = None  # in progress

    @property
    def checking(self) -> bool:
        """Whether a check is in progress."""
        return self._check is not None

    @property
    def helped(self) -> bool:
        """Whether the latest verdict is that a step helped."""
        return self.verdict is RecoveryVerdict.HELPED

    @property
    def awaits_successor(self) -> bool:
        """Whether all targets are gone, and only a successor is awaited."""
        return self._check is not None and bool(self._check.gone_ns)

    def start(self, incident: Incident, now_ns: int) -> None:
        """Check whether the step that ended at `now_ns` helped."""
        self._check = RecoveryCheck(incident, now_ns)
        self.verdict = RecoveryVerdict.WAIT

    def observe(self, snapshot: Snapshot) -> None:
        """Take the next snapshot; one from before the step ended is ignored."""
        if self._check is not None and snapshot.monotonic_ns >= self._check.since_ns:
            self.verdict = self._check.observe(snapshot)

    def complete(self, *, more_steps: bool) -> None:
        """A verdict is there. `more_steps`: if nothing helped yet, a later step may."""
        if more_steps and not self.helped:
            self.verdict = RecoveryVerdict.WAIT
        self.result, self._check = self._check, None

    def cancel(self) -> None:
        """Stop the check without a verdict: another step comes first."""
        self._check = None

    def conclude(self) -> None:
        """The incident ends now: if all targets are gone, do not wait for a successor.

        It has helped if the last snapshot shows that memory came down.
        """
        if self._check is not None and self._check.gone_ns:
            self.result = self._check
            if self._check.is_down:
                self.verdict = RecoveryVerdict.HELPED
