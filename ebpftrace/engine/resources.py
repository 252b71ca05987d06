"""What the breaker needs before anything is attached: policies, audit log, fuse watchdog."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ebpftrace.engine.request import WatchRequest
from ebpftrace.errors import EbpftraceError, LogTakenError
from ebpftrace.host.ready import WaitReadable, wait_readable
from ebpftrace.probe import FuseDefault
from ebpftrace.text import clean

if TYPE_CHECKING:
    from ebpftrace.act.audit.log import AuditLog
    from ebpftrace.act.fuse.holding.control_server import ControlServer
    from ebpftrace.act.fuse.holding.holding import Holding
    from ebpftrace.act.incident.records import Record
    from ebpftrace.act.policy.store import PolicyStore


def open_holding(map_fd: int) -> "Holding":
    """What resumes stopped processes if we die. It is imported where there is a fuse."""
    from ebpftrace.act.fuse.holding.holding import Holding

    return Holding(map_fd)


@dataclass(slots=True)
class BreakerResources:
    """`policies` None: this watch reports and never acts.

    `past` are the records of the audit log, `remarks` what the user should know.
    """

    policies: "PolicyStore | None" = None
    log: "AuditLog | None" = None
    past: "tuple[Record, ...]" = ()
    remarks: list[str] = field(default_factory=list)
    open_holding: "Callable[[int], Holding]" = open_holding
    holding: "Holding | None" = None
    control: "ControlServer | None" = None

    @classmethod
    def open(
        cls, request: WatchRequest, open_holding: "Callable[[int], Holding]" = open_holding
    ) -> "BreakerResources":
        """EbpftraceError if the audit log cannot be written, or is another user's.

        If another ebpftrace already acts, and this watch does not insist on acting, it only
        reports, and says so in the remarks.
        """
        if request.policies is None or request.once:
            return cls()
        from ebpftrace.act.audit.log import AuditLog
        from ebpftrace.act.audit.reader import AuditReader

        try:
            log = AuditLog(request.audit)
        except LogTakenError as error:
            if request.insists:
                raise
            return cls(remarks=[f"{error.what}: this watch takes no action"])
        try:
            past = tuple(AuditReader(request.audit, obeyed=True).records())
        except OSError as error:  # a folder in place of an older file
            log.close()
            raise EbpftraceError(
                f"cannot read the audit log {clean(os.fsencode(request.audit))}",
                why=f"{clean(os.fsdecode(error.filename or b''))}: {error.strerror}",
                fix="remove what is there, or write to another log: --audit FILE",
            ) from error
        except BaseException:
            log.close()
            raise
        return cls(request.policies, log, past, open_holding=open_holding)

    @property
    def default_fuse(self) -> FuseDefault | None:
        """The fuse of every process from its first page on, if all have the same."""
        if self.policies is None:
            return None
        from ebpftrace.act.fuse.bounds import default_fuse

        return default_fuse(self.policies.policies)

    def hold_stopped(self, map_fd: int) -> None:
        """From here on stopped processes are resumed if we die, and `thaw` can ask for them.

        `map_fd` is the probe's map of stopped processes. Called before any can be stopped.
        """
        if self.policies is None:
            return
        from ebpftrace.act.fuse.bounds import has_fuse
        from ebpftrace.act.fuse.holding.control_server import ControlServer

        if not has_fuse(self.policies.policies):
            return
        self.holding = self.open_holding(map_fd)
        try:
            self.control = ControlServer()
        except EbpftraceError as error:
            self.remarks.append(f"{error.what}: {error.why}")

    def close(self, wait: WaitReadable = wait_readable) -> None:
        """Resume what is still stopped, let evidence be written, and sync the log.

        Call it once the probe is closed.
        """
        if self.control is not None:
            self.control.close()
        if self.holding is not None:
            self.holding.close(wait)
        if self.log is not None:
            from ebpftrace.act.actions.support.unwritten import finish_writing

            finish_writing(wait)
            self.log.close(wait)
