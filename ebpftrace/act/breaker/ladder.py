"""Runs one incident up its policy's ladder: a step at a time, then a check whether it helped.

The properties of each action decide how the ladder continues. Nothing here reads a clock or
waits, and the actions are passed in.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.actions.support.running import Ended, Read
from ebpftrace.act.audit.allowance import Allowance
from ebpftrace.act.audit.records import (
    ended_incident_record,
    ended_step_record,
    step_started_record,
)
from ebpftrace.act.breaker import outcomes
from ebpftrace.act.breaker.recovery_check import RecoveryVerdict
from ebpftrace.act.breaker.recovery_state import RecoveryState
from ebpftrace.act.breaker.rung import Rung, failed
from ebpftrace.act.breaker.rungs import Rungs
from ebpftrace.act.breaker.target_ends import TargetEnds
from ebpftrace.act.breaker.temporary_changes import TemporaryChanges
from ebpftrace.act.fuse.ladder import RESUME, kill
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import BreakerEvent, Outcome, StepOutcome, StepStatus
from ebpftrace.act.incident.records import Record
from ebpftrace.act.policy.policy import Policy, Step
from ebpftrace.ledger import Snapshot


class Ladder:
    """`poll` until it is `over`; `observe` each snapshot.

    `allowance` decides whether a process may be ended; `record` takes the lines of the
    audit log; `clock` is CLOCK_MONOTONIC.
    """

    def __init__(
        self,
        incident: Incident,
        policy: Policy,
        actions: Mapping[str, Action[Any]],
        *,
        allowance: Allowance,
        record: Callable[[Record], None],
        clock: Callable[[], int],
    ) -> None:
        self.incident = incident
        self.policy = policy
        self.over = False
        self._actions = actions
        self._allowance = allowance
        self._record = record
        self._clock = clock
        self._steps = [step for step in policy.ladder if not self._action(step).after_outcome]
        self._late_steps = [step for step in policy.ladder if self._action(step).after_outcome]
        self._rungs = Rungs()
        self._recovery = RecoveryState()
        self._changes = TemporaryChanges()
        self.target_ends = TargetEnds()
        self._acted = False  # a step may have helped
        self._resumed = False  # its fuse's policy resumed the target at the end
        self._canceled = False
        self._refusal = ""  # why the last step was skipped

    @property
    def fds(self) -> tuple[int, ...]:
        """Poll once one of these is readable."""
        return self._rungs.fds

    @property
    def deadline_ns(self) -> int | None:
        """Poll by then, CLOCK_MONOTONIC; None: only a snapshot can change anything."""
        return self._rungs.deadline_ns

    @property
    def in_vain(self) -> bool:
        """Whether nothing was done so far, for want of budget."""
        return self._allowance.refused and not self._acted

    @property
    def awaits_successor(self) -> bool:
        """Whether all targets are gone, and only a successor is awaited."""
        return self._recovery.awaits_successor

    def observe(self, snapshot: Snapshot) -> None:
        """Take the next snapshot: it may show whether a step helped."""
        self._recovery.observe(snapshot)

    def poll(self) -> Iterator[BreakerEvent]:
        """Proceed as far as possible without waiting."""
        while not self.over:
            yield from self._poll_concurrent()
            if self._rungs.current is not None:
                news = self._rungs.current.poll(self._clock())
                if news is None:
                    return
                if isinstance(news, Read):
                    self._rungs.save_beside(self.incident.evidence)
                    self.incident = replace(self.incident, evidence=news.evidence)
                else:
                    yield self._finish(self._rungs.remove(self._rungs.current), news)
            elif self._recovery.checking:
                if self._recovery.verdict is RecoveryVerdict.WAIT:
                    return
                self._complete_check()
            elif self._steps:
                if self._rungs.saving and self._action(self._steps[0]).awaits_evidence:
                    return
                yield from self._start(self._steps.pop(0))
            elif self._acted and self._recovery.verdict is RecoveryVerdict.WAIT:
                self._recovery.start(self.incident, self._clock())
            elif self._late_steps:
                yield from self._start(self._late_steps.pop(0))
            elif self._rungs.beside:
                return
            else:
                yield self._end()

    def abandon(self, reason: str, *, canceled: bool = False) -> Iterator[BreakerEvent]:
        """Stop what runs, undo temporary changes, and end; `canceled`: by a user."""
        if self.over:
            return
        self._canceled = canceled
        for rung in self._rungs:
            status = StepStatus.SKIPPED if canceled else StepStatus.FAILED
            yield self._finish(rung, Ended(status, reason))
        self._rungs.clear()
        self._steps.clear()
        self._late_steps.clear()
        self._recovery.conclude()
        yield self._end(reason)

    def kill_now(self, reason: str) -> Iterator[BreakerEvent]:
        """A user does not want to wait for the other steps: SIGKILL is next."""
        for rung in (self._rungs.saving, self._rungs.current):
            if rung is not None:
                self._rungs.remove(rung)
                yield self._finish(rung, Ended(StepStatus.SKIPPED, reason))
        self._steps = [kill()]
        self._recovery.cancel()
        self._allowance.waive()

    def _start(self, step: Step) -> Iterator[BreakerEvent]:
        rung = Rung(step, self._clock())
        if self.policy.dry_run:
            yield self._finish(rung, Ended(StepStatus.SKIPPED, f"dry run: would {step.action}"))
            return
        action = self._action(step)
        if action.spends_budget:
            if refusal := self._allowance.claim():
                yield self._finish(rung, Ended(StepStatus.SKIPPED, refusal))
                return
            self._changes.undo_early()
        self._record(step_started_record(self.incident, action, rung.began_ns))
        try:
            rung.running = action.start(self.incident, step.options)
        except Exception as error:
            yield self._finish(rung, failed(error))
            return
        self._rungs.add(rung, beside=action.concurrent)

    def _action(self, step: Step) -> Action[Any]:
        return self._actions[step.action]

    def _poll_concurrent(self) -> Iterator[BreakerEvent]:
        for rung in tuple(self._rungs.beside):
            ended = rung.poll(self._clock())
            if isinstance(ended, Ended):
                self._rungs.remove(rung)
                yield self._finish(rung, ended)

    def _finish(self, rung: Rung, ended: Ended) -> StepOutcome:
        step, now_ns = rung.step, self._clock()
        ended = self.target_ends.corrected(self.incident, ended, now_ns - rung.began_ns)
        started = rung.running is not None
        undo = None if rung.running is None else rung.running.undo
        left = rung.stop()
        outcome = outcomes.step_outcome(
            self.incident, step.action, ended, left, began_ns=rung.began_ns, now_ns=now_ns
        )
        refunded = self._after(step, ended, started, now_ns)
        if undo is not None:
            self._changes.add(undo)
        if ended.evidence is not None:
            self.incident = replace(self.incident, evidence=ended.evidence)
        elif rung.saving and ended.status is StepStatus.FAILED:
            self.incident = replace(self.incident, evidence=rung.earlier_evidence)
        self._record(ended_step_record(outcome, ended.output, undo, refunded=refunded))
        return outcome

    def _after(self, step: Step, ended: Ended, started: bool, now_ns: int) -> bool:
        """Check whether the step helped: now, later, or never. True: budget refunded."""
        action, done = self._action(step), ended.status is StepStatus.DONE
        if action.after_outcome:
            # Only a bad verdict can be improved on.
            if done and not self._recovery.helped:
                self._acted = True
                self._recovery.start(self.incident, now_ns)
            self._refusal = self._refusal or ended.detail
            return False
        if ended.status is StepStatus.SKIPPED:
            self._refusal = ended.detail
            return started and self._allowance.refund()
        if action.spends_budget:
            self._allowance.keep()
        self._resumed |= step.action == RESUME and done
        if action.informational:
            return False
        self._acted = True
        if done and not action.temporary:
            self._recovery.start(self.incident, now_ns)
        return False

    def _complete_check(self) -> None:
        """If it helped, keep only the concurrent steps; else take the next one."""
        if self._recovery.helped:
            self._steps = [step for step in self._steps if self._action(step).concurrent]
        self._recovery.complete(more_steps=bool(self._steps))

    def _end(self, reason: str = "") -> Outcome:
        self.over = True
        now_ns = self._clock()
        failures = self._changes.undo_all()
        taken, check = self.target_ends.sentence(self.incident), self._recovery.result
        helped = not taken and (self._recovery.helped or self._resumed)
        name = self.incident.target_name
        if self.policy.dry_run:
            sentence = f"{name}: dry run, nothing was done"
        elif self._canceled:
            sentence = f"{name}: {reason}"
        elif self._resumed and not taken:
            sentence = f"{name} was resumed, as the policy asks"
        elif helped and check is not None:
            sentence = outcomes.recovered(self.incident, check, now_ns)
        elif reason and not taken and self._recovery.checking:
            sentence = outcomes.unverified(self.incident, reason)
        else:
            sentence = outcomes.not_recovered(
                self.incident, check, acted=self._acted, reason=taken or reason or self._refusal
            )
        outcome = outcomes.incident_outcome(
            self.incident, sentence, failures, helped=helped, canceled=self._canceled,
            freed_bytes=check.freed_bytes if helped and check is not None else 0, now_ns=now_ns,
        )  # fmt: skip
        self._record(ended_incident_record(outcome, restored=not failures))
        return outcome
