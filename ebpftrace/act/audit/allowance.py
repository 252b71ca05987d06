"""An incident's share of its job's budget: one ended process, however many steps it takes."""

from collections.abc import Callable, Sequence

from ebpftrace.act.audit.budget import Moment, Spending
from ebpftrace.act.policy.policy import Budget


class Allowance:
    """Call `claim` before each step that may end a process, then `keep` or `refund`.

    `accounts` are what the job's budget is kept by. `refused` is whether it could not be spent
    when it was last claimed.
    """

    def __init__(
        self,
        spending: Spending,
        accounts: Sequence[str],
        budget: Budget,
        moment: Callable[[], Moment],
    ) -> None:
        self._spending = spending
        self._accounts = accounts
        self._budget = budget
        self._moment = moment
        self._spent = False
        self._kept = False
        self._waived = False
        self.refused = False

    def claim(self) -> str:
        """Spend the budget, once. The reason it cannot be spent, or ""."""
        if self._spent or self._waived:
            return ""
        refusal = self._spending.refusal(self._accounts, self._budget, self._moment())
        self.refused = bool(refusal)
        if refusal:
            return refusal
        self._spending.spend(self._accounts, self._moment())
        self._spent = True
        return ""

    def keep(self) -> None:
        """A step may have ended a process: no later step refunds the budget."""
        self._kept = True

    def refund(self) -> bool:
        """A step ended no process. Return whether the budget was refunded."""
        if not self._spent or self._kept:
            return False
        self._spending.refund(self._accounts)
        self._spent = False
        return True

    def waive(self) -> None:
        """A user ends the process by hand: later steps need no budget."""
        self._waived = True
