"""What acting needs before anything is attached: the audit log, and who wakes the stopped."""

from dataclasses import dataclass, field

from ebpftrace.act.audit.log import AuditLog
from ebpftrace.act.audit.reader import AuditReader
from ebpftrace.act.fuse.bounds import default_fuse, has_fuse
from ebpftrace.act.fuse.holding.control_server import ControlServer
from ebpftrace.act.fuse.holding.holding import Holding
from ebpftrace.act.incident.records import Record
from ebpftrace.act.policy.store import PolicyStore
from ebpftrace.engine.request import WatchRequest
from ebpftrace.errors import EbpftraceError, LogTakenError
from ebpftrace.probe import FuseDefault


@dataclass(slots=True)
class BreakerResources:
    """`policies` None: this watch does nothing, it only says."""

    policies: PolicyStore | None = None
    log: AuditLog | None = None
    past: tuple[Record, ...] = ()
    remarks: list[str] = field(default_factory=list)
    holding: Holding | None = None
    control: ControlServer | None = None

    @classmethod
    def of(cls, request: WatchRequest) -> "BreakerResources":
        """EbpftraceError where the audit log cannot be kept.

        Who only looks, beside an ebpftrace that acts by the policies of this machine, is
        told so in the remarks.
        """
        if request.policies is None or request.once:
            return cls()
        try:
            log = AuditLog(request.audit)
        except LogTakenError as error:
            if request.insists:
                raise
            return cls(remarks=[f"{error.what}: this one only watches"])
        return cls(request.policies, log, tuple(AuditReader(request.audit).records()))

    @property
    def fuse_of_all(self) -> FuseDefault | None:
        """The fuse that everybody has from the first page on, where all have the same."""
        return None if self.policies is None else default_fuse(self.policies.policies)

    def guard(self, map_fd: int) -> None:
        """From here on nobody that is stopped is forgotten, and people can ask for them."""
        if self.policies is None or not has_fuse(self.policies.policies):
            return
        self.holding = Holding(map_fd)
        try:
            self.control = ControlServer()
        except EbpftraceError as error:
            self.remarks.append(f"{error.what}: {error.why}")

    def close(self) -> None:
        """The probe is closed. Let all go that still stand, and take no more questions."""
        if self.control is not None:
            self.control.close()
        if self.holding is not None:
            self.holding.close()
        if self.log is not None:
            self.log.close()
