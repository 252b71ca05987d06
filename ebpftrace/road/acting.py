"""The breaker's place on the road: what it is told, and what becomes of its words."""

import time
from collections.abc import Iterable
from pathlib import Path

from ebpftrace.act.audit import AuditLog
from ebpftrace.act.audit_reading import Reading
from ebpftrace.act.breaker import Breaker
from ebpftrace.act.ladder import Word
from ebpftrace.act.outcome import Outcome, StepOutcome
from ebpftrace.act.policy_store import PolicyStore
from ebpftrace.act.survive import ask_to_be_last, collect_no_more, stay_in_memory
from ebpftrace.events import Breached, ProcessKey
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.judge.finding import Finding
from ebpftrace.ledger import Snapshot
from ebpftrace.probe import Probe
from ebpftrace.views import View
from ebpftrace.views.acts import Remark


class Acting:
    """Owns the breaker of one watch. EbpftraceError where the audit log cannot be kept."""

    def __init__(
        self, policies: PolicyStore, audit: Path, probe: Probe, paths: CgroupPaths, view: View
    ) -> None:
        self._policies = policies
        self._probe = probe
        self._view = view
        self._marked: set[tuple[int, ProcessKey | None]] = set()
        self._trouble = ""
        log = AuditLog(audit)
        for unsafe in (ask_to_be_last(), stay_in_memory()):
            if unsafe:
                self._remark(unsafe)
        self._breaker = Breaker(
            policies.policies, log, folder=paths.folder, past=Reading(audit).records()
        )
        collect_no_more()

    @property
    def fd(self) -> int:
        """Readable when an action has news."""
        return self._breaker.fd

    def due_ns(self, otherwise: int) -> int:
        """When to call `poll`, CLOCK_MONOTONIC: `otherwise` at the latest."""
        due = self._breaker.deadline_ns
        return otherwise if due is None else min(due, otherwise)

    def snapshot(self, findings: Iterable[Finding], snapshot: Snapshot) -> None:
        """The books, and what the built-in judgement has found."""
        self._say(self._breaker.consider(findings, snapshot))
        self._set_marks()

    def breached(self, event: Breached) -> None:
        """The kernel told that a mark was passed."""
        self._say(self._breaker.breached(event))

    def poll(self) -> None:
        """Actions go on as far as they can."""
        self._say(self._breaker.poll())

    def reload(self) -> None:
        """Read the policies again; a bad file keeps the old ones, and either is said."""
        reloaded = self._policies.reload()
        self._breaker.reload(reloaded.policies)
        self._remark(reloaded.sentence)

    def close(self) -> None:
        """Incidents that run are ended, and what was changed for a time is put back."""
        self._say(self._breaker.close())

    def _set_marks(self) -> None:
        """The kernel forgets a mark once it was passed: all are set anew."""
        marked: set[tuple[int, ProcessKey | None]] = set()
        for mark in self._breaker.marks():
            marked.add((mark.cgroup_id, mark.process))
            self._mark(mark.cgroup_id, mark.process, mark.held_bytes)
        for cgroup_id, process in self._marked - marked:
            self._mark(cgroup_id, process, 0)
        self._marked = marked

    def _mark(self, cgroup_id: int, process: ProcessKey | None, held_bytes: int) -> None:
        if process is None:
            self._probe.mark_group(cgroup_id, held_bytes)
        else:
            self._probe.mark_process(process, held_bytes)

    def _say(self, words: Iterable[Word]) -> None:
        for word in words:
            if isinstance(word, StepOutcome):
                self._view.step(word)
            elif isinstance(word, Outcome):
                self._view.outcome(word)
            else:
                self._view.finding(word)
        if (trouble := self._breaker.trouble) != self._trouble:
            self._trouble = trouble
            self._remark(trouble or "the audit log is written again, with nothing left out")

    def _remark(self, text: str) -> None:
        self._view.remark(Remark(time.time_ns(), time.monotonic_ns(), text))
