"""One incident's way up its policy's ladder: one rung at a time, and then: did it help?

The properties of its actions decide how the ladder goes on after each step.
No clock is read here, nothing waits, and the actions come from outside.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.actions.support.running import Ended
from ebpftrace.act.audit.allowance import Allowance
from ebpftrace.act.breaker.records import (
    incident_outcome,
    outcome_record,
    step_outcome,
    step_record,
)
from ebpftrace.act.breaker.recovery_check import (
    RecoveryCheck,
    RecoveryVerdict,
    not_relieved,
    relieved,
)
from ebpftrace.act.breaker.rung import Rung, failed
from ebpftrace.act.fuse.ladder import RESUME, kill
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import BreakerEvent, Outcome, StepOutcome, StepStatus
from ebpftrace.act.policy.policy import Policy, Step
from ebpftrace.act.process.undo import Undo
from ebpftrace.ledger import Snapshot


class Ladder:
    """`poll` until it is `over`; `see` each snapshot.

    `allowance` says whether a process may be ended; `record` gets what the audit log has
    to know.
    """

    def __init__(
        self,
        incident: Incident,
        policy: Policy,
        actions: Mapping[str, Action[Any]],
        *,
        allowance: Allowance,
        record: Callable[[dict[str, Any]], None],
        clock: Callable[[], int],
    ) -> None:
        self.incident = incident
        self.policy = policy
        self._actions = actions
        self._allowance = allowance
        self._record = record
        self._clock = clock
        self._steps = [step for step in policy.ladder if not self._action(step).after_outcome]
        self._last = [step for step in policy.ladder if self._action(step).after_outcome]
        self._rung: Rung | None = None
        self._beside: list[Rung] = []
        self._acted = False  # something was done that may have helped
        self._called_off = False
        self._let_go = False  # it goes on, as its policy asks
        self._refused = ""  # why the last rung was not climbed
        self._undos: list[Undo] = []
        self._relief: RecoveryCheck | None = None  # while an answer is waited for
        self._seen: RecoveryCheck | None = None  # the last answer
        self._verdict = RecoveryVerdict.WAIT
        self.over = False

    @property
    def fds(self) -> tuple[int, ...]:
        return tuple(fd for rung in self._begun for fd in rung.fds)

    @property
    def deadline_ns(self) -> int | None:
        """Poll by then, CLOCK_MONOTONIC; None: nothing but a snapshot can change anything."""
        return min((rung.deadline_ns for rung in self._begun), default=None)

    @property
    def _begun(self) -> list[Rung]:
        return self._beside if self._rung is None else [*self._beside, self._rung]

    @property
    def relieving(self) -> bool:
        """Whether whoever was meant is gone, and only a successor is waited for."""
        return self._relief is not None and bool(self._relief.gone_ns)

    def see(self, snapshot: Snapshot) -> None:
        """What the books say now: whether it helped is told from it."""
        if self._relief is not None and snapshot.monotonic_ns >= self._relief.since_ns:
            self._verdict = self._relief.see(snapshot)

    def poll(self) -> Iterator[BreakerEvent]:
        """Go on as far as that is possible without waiting."""
        while not self.over:
            yield from self._poll_beside()
            if self._rung is not None:
                ended = self._rung.poll(self._clock())
                if ended is None:
                    return
                rung, self._rung = self._rung, None
                yield self._climbed(rung, ended)
            elif self._relief is not None:
                if self._verdict is RecoveryVerdict.WAIT:
                    return
                self._judge()
            elif self._steps:
                yield from self._next(self._steps.pop(0))
            elif self._acted and self._verdict is RecoveryVerdict.WAIT:
                self._relief = RecoveryCheck(self.incident, self._clock())
            elif self._last:
                yield from self._next(self._last.pop(0))
            elif self._beside:
                return
            else:
                yield self._end()

    def abandon(self, why: str, *, canceled: bool = False) -> Iterator[BreakerEvent]:
        """Stop what runs, put back what was changed, say so.

        The watch ends, or somebody called it off.
        """
        if self.over:
            return
        self._called_off = canceled
        for rung in self._begun:
            status = StepStatus.SKIPPED if canceled else StepStatus.FAILED
            yield self._climbed(rung, Ended(status, why))
        self._rung, self._beside = None, []
        self._steps.clear()
        self._last.clear()
        if self._relief is not None and self._relief.gone_ns:
            # It is gone; only whether a successor stays is not known.
            self._seen, self._verdict = self._relief, RecoveryVerdict.HELPED
        yield self._end(why)

    def hurry(self, why: str) -> Iterator[BreakerEvent]:
        """Somebody does not want to wait for the other rungs: SIGKILL is the next."""
        if self._rung is not None:
            rung, self._rung = self._rung, None
            yield self._climbed(rung, Ended(StepStatus.SKIPPED, why))
        self._steps = [kill()]
        self._relief = None
        self._allowance.waive()

    def _next(self, step: Step) -> Iterator[BreakerEvent]:
        rung = Rung(step, self._clock())
        if self.policy.dry_run:
            skipped = Ended(StepStatus.SKIPPED, f"dry run: would {step.action}")
            yield self._climbed(rung, skipped)
            return
        action = self._action(step)
        if action.spends_budget:
            if refusal := self._allowance.claim():
                yield self._climbed(rung, Ended(StepStatus.SKIPPED, refusal))
                return
            for undo in self._undos:
                if undo.early:
                    undo.run()
        self._record(
            {
                "type": "step_begun",
                "action": step.action,
                "spends": action.spends_budget,
            }
        )
        try:
            rung.running = action.start(self.incident, step.options)
        except Exception as error:
            yield self._climbed(rung, failed(error))
            return
        if action.concurrent:
            self._beside.append(rung)
        else:
            self._rung = rung

    def _action(self, step: Step) -> Action[Any]:
        return self._actions[step.action]

    def _poll_beside(self) -> Iterator[BreakerEvent]:
        for rung in list(self._beside):
            ended = rung.poll(self._clock())
            if ended is not None:
                self._beside.remove(rung)
                yield self._climbed(rung, ended)

    def _climbed(self, rung: Rung, ended: Ended) -> StepOutcome:
        step, now_ns = rung.step, self._clock()
        began = rung.running is not None
        undo = None if rung.running is None else rung.running.undo
        left = rung.stop()
        outcome = step_outcome(
            self.incident, step.action, ended, left, began_ns=rung.began_ns, now_ns=now_ns
        )
        refunded = self._after(step, ended, began, now_ns)
        if undo is not None:
            self._undos.append(undo)
        if ended.evidence is not None:
            self.incident = replace(self.incident, evidence=ended.evidence)
        self._record(step_record(outcome, ended.output, undo, refunded=refunded))
        return outcome

    def _after(self, step: Step, ended: Ended, began: bool, now_ns: int) -> bool:
        """When it is asked whether it helped: now, later, or not. True: refunded."""
        action = self._action(step)
        if action.after_outcome:
            # A second answer is asked for only where the first was not good.
            if ended.status is StepStatus.DONE and self._verdict is not RecoveryVerdict.HELPED:
                self._acted = True
                self._relief, self._verdict = (
                    RecoveryCheck(self.incident, now_ns),
                    RecoveryVerdict.WAIT,
                )
            self._refused = self._refused or ended.detail
            return False
        if ended.status is StepStatus.SKIPPED:
            self._refused = ended.detail
            return began and self._allowance.give_back()
        if action.spends_budget:
            self._allowance.keep()
        self._let_go |= step.action == RESUME and ended.status is StepStatus.DONE
        if action.informational:
            return False
        self._acted = True
        heals = not action.temporary
        if heals and ended.status is StepStatus.DONE:
            self._relief, self._verdict = (
                RecoveryCheck(self.incident, now_ns),
                RecoveryVerdict.WAIT,
            )
        return False

    def _judge(self) -> None:
        """An answer: it helped, and only who wants to know is told; or the next rung."""
        assert self._relief is not None
        if self._verdict is RecoveryVerdict.HELPED:
            self._steps = [step for step in self._steps if self._action(step).concurrent]
        elif self._steps:
            self._verdict = RecoveryVerdict.WAIT
        self._seen, self._relief = self._relief, None

    def _end(self, why: str = "") -> Outcome:
        self.over = True
        now_ns = self._clock()
        troubles = [trouble for undo in reversed(self._undos) if (trouble := undo.run())]
        helped = self._verdict is RecoveryVerdict.HELPED or self._let_go
        won = self._seen.freed_bytes if helped and self._seen is not None else 0
        incident, took = self.incident, now_ns - self.incident.began_ns
        if self.policy.dry_run:
            sentence = f"{incident.target_name}: dry run, nothing was done"
        elif self._called_off:
            sentence = f"{incident.target_name}: {why}"
        elif self._let_go:
            sentence = f"{incident.target_name} goes on, as its policy asks"
        elif helped and self._seen is not None:
            sentence = relieved(incident, self._seen, took)
        else:
            sentence = not_relieved(incident, acted=self._acted, why=why or self._refused)
        if troubles:
            sentence += f"; not put back: {', '.join(troubles)}"
        outcome = incident_outcome(
            incident,
            sentence,
            helped=helped,
            freed_bytes=won,
            now_ns=now_ns,
            canceled=self._called_off,
        )
        self._record(outcome_record(outcome, undone=not troubles))
        return outcome
