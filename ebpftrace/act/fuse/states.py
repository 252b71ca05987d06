"""The states of a process that a fuse stops, and all transitions between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from ebpftrace.act.fuse.bounds import BoundKey
from ebpftrace.act.fuse.events import FuseEvent
from ebpftrace.act.policy.fuse import Fuse
from ebpftrace.act.policy.policy import Policy
from ebpftrace.events import FuseBlown, FuseScope, ProcessKey


class StopState(Enum):
    """Where a process is between its stop and its end. The last three are final."""

    RUNNING = auto()  # no fuse has stopped it
    UNIDENTIFIED = auto()  # stopped; no snapshot has shown yet what it is
    STOPPED = auto()  # stopped under a policy; no incident is about it
    TARGET = auto()  # stopped, and the target of an incident
    RESUMED = auto()
    EXEMPT = auto()  # resumed, and without a bound
    ENDED = auto()


class StopTrigger(Enum):
    """What happens to a process, or is decided about it."""

    KERNEL_STOP = auto()  # the kernel stopped it at its bound
    IDENTIFY = auto()  # a snapshot has it, and a policy has a fuse for it
    EXEMPT = auto()  # no policy has a fuse for it, or no snapshot has it in time
    CORRECT_BOUND = auto()  # only the sum of several jobs crossed the bound
    TARGET = auto()  # an incident is about it
    RESUME = auto()  # by the ladder, a user, or another program
    EXECUTE = auto()  # it called exec: the same process with another program
    END = auto()
    WATCH_END = auto()


class StopEffect(Enum):
    """What a transition does, in the order of its `effects`."""

    EXEMPT = auto()  # remove its bounds
    CORRECT_BOUND = auto()  # set the bound of its cgroup as the last snapshot has it
    RAISE_BOUND = auto()  # unless usage has dropped below it since
    RESUME = auto()  # remove it from the kernel's list, send SIGCONT, stop holding it
    RELEASE = auto()  # stop holding it
    REPORT_STOPPED = auto()
    REPORT_RESUMED = auto()
    REPORT_ENDED = auto()


@dataclass(frozen=True, slots=True)
class StopTransition:
    """The next state, and what is done on the way there."""

    state: StopState
    effects: tuple[StopEffect, ...] = ()


FINAL = frozenset({StopState.RESUMED, StopState.EXEMPT, StopState.ENDED})
"""A process in one of these is forgotten; when it is stopped again it starts as RUNNING."""

_EXEMPTED = StopTransition(StopState.EXEMPT, (StopEffect.EXEMPT, StopEffect.RESUME))
# The bound comes first: the process must not be stopped again on its way.
_RESUMED = StopTransition(
    StopState.RESUMED, (StopEffect.RAISE_BOUND, StopEffect.RESUME, StopEffect.REPORT_RESUMED)
)
_LAST_RESUMED = StopTransition(
    StopState.RESUMED, (StopEffect.RESUME, StopEffect.REPORT_RESUMED)
)
_ENDED = StopTransition(StopState.ENDED, (StopEffect.RELEASE, StopEffect.REPORT_ENDED))

TRANSITIONS: Mapping[tuple[StopState, StopTrigger], StopTransition] = {
    (StopState.RUNNING, StopTrigger.KERNEL_STOP): StopTransition(StopState.UNIDENTIFIED),
    (StopState.UNIDENTIFIED, StopTrigger.IDENTIFY): StopTransition(
        StopState.STOPPED, (StopEffect.REPORT_STOPPED,)
    ),
    (StopState.UNIDENTIFIED, StopTrigger.EXEMPT): _EXEMPTED,
    (StopState.UNIDENTIFIED, StopTrigger.CORRECT_BOUND): StopTransition(
        StopState.RESUMED, (StopEffect.CORRECT_BOUND, StopEffect.RESUME)
    ),
    # Whether it is resumed, and to which bound, is decided with the next snapshot.
    (StopState.UNIDENTIFIED, StopTrigger.RESUME): StopTransition(StopState.UNIDENTIFIED),
    (StopState.UNIDENTIFIED, StopTrigger.EXECUTE): StopTransition(StopState.UNIDENTIFIED),
    (StopState.UNIDENTIFIED, StopTrigger.END): StopTransition(
        StopState.ENDED, (StopEffect.RELEASE,)
    ),
    (StopState.UNIDENTIFIED, StopTrigger.WATCH_END): _EXEMPTED,
    (StopState.STOPPED, StopTrigger.TARGET): StopTransition(StopState.TARGET),
    (StopState.STOPPED, StopTrigger.RESUME): _RESUMED,
    (StopState.STOPPED, StopTrigger.EXECUTE): StopTransition(StopState.STOPPED),
    (StopState.STOPPED, StopTrigger.END): _ENDED,
    (StopState.STOPPED, StopTrigger.WATCH_END): _LAST_RESUMED,
    (StopState.TARGET, StopTrigger.TARGET): StopTransition(StopState.TARGET),
    (StopState.TARGET, StopTrigger.RESUME): _RESUMED,
    (StopState.TARGET, StopTrigger.EXECUTE): StopTransition(StopState.TARGET),
    (StopState.TARGET, StopTrigger.END): _ENDED,
    (StopState.TARGET, StopTrigger.WATCH_END): _LAST_RESUMED,
}
"""All transitions that there are. Any other pair is a bug of the caller."""


class UnexpectedTriggerError(Exception):
    """A trigger that the state of the process has no transition for."""


def transition(state: StopState, trigger: StopTrigger) -> StopTransition:
    """The row of the table; UnexpectedTriggerError if there is none."""
    found = TRANSITIONS.get((state, trigger))
    if found is None:
        names = f"{state.name.lower()} by {trigger.name.lower()}"
        raise UnexpectedTriggerError(f"the fuse has no transition from {names}")
    return found


@dataclass(frozen=True, slots=True)
class StoppedProcess:
    """A stopped process that is identified: the event of its stop, and the fuse it is under."""

    event: FuseEvent
    policy: Policy
    fuse: Fuse
    bound_key: BoundKey
    owner: ProcessKey  # the tracked process whose memory it has: itself, or one it shares with

    @property
    def key(self) -> ProcessKey:
        return self.event.process

    @property
    def job(self) -> str:
        """The key of its job."""
        return self.event.job.key

    @property
    def of_owner(self) -> FuseEvent:
        """The event of its stop, about the tracked process."""
        return self.event._replace(process=self.owner)

    @property
    def has_own_bound(self) -> bool:
        """Whether it has crossed a bound by itself, not by the sum of its job."""
        return self.event.scope is FuseScope.PROCESS


@dataclass(slots=True)
class FuseStop:
    """One stop of one process, from the kernel's event to a final state."""

    blown: FuseBlown
    state: StopState = StopState.RUNNING
    process: StoppedProcess | None = None  # once it is identified
    next_bound: int | None = None  # bytes, once its bound is raised
