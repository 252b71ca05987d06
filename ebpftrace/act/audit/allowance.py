"""An incident's part of its job's budget: one end of a process, however many steps it takes."""

from collections.abc import Callable

from ebpftrace.act.audit.budget import Moment, Spending
from ebpftrace.act.policy.policy import Budget


class Allowance:
    """`claim` before each step that may end a process; then `keep` it, or `give_back`.

    `job` is the account that the budget is kept by.
    """

    def __init__(
        self, spending: Spending, job: str, budget: Budget, moment: Callable[[], Moment]
    ) -> None:
        self._spending = spending
        self._job = job
        self._budget = budget
        self._moment = moment
        self._booked = False
        self._kept = False
        self._waived = False

    def claim(self) -> str:
        """Book the end, if that was not done; why none is allowed now, or ""."""
        if self._booked or self._waived:
            return ""
        if refusal := self._spending.exhausted(self._job, self._budget, self._moment()):
            return refusal
        self._spending.spend(self._job, self._moment())
        self._booked = True
        return ""

    def keep(self) -> None:
        """A step was taken that may have ended one: it stays booked."""
        self._kept = True

    def give_back(self) -> bool:
        """A step came to nothing. Whether no other was taken, so that nothing is booked now."""
        if not self._booked or self._kept:
            return False
        self._spending.refund(self._job)
        self._booked = False
        return True

    def waive(self) -> None:
        """Whoever decides by hand decides about the budget too: nothing more is booked."""
        self._waived = True
