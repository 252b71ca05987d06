"""Where the incidents of jobs with stopped processes are."""

from collections.abc import Iterator
from enum import Enum, auto

from ebpftrace.act.fuse.states import StoppedProcess
from ebpftrace.jobs.identity import JobIdentity


class IncidentPhase(Enum):
    """Where the incident of a job with stopped processes is."""

    RUNNING = auto()
    TARGETS_ENDED = auto()  # the next snapshot resumes the other stopped processes
    SUCCESSION = auto()  # they are resumed; a process that is stopped now is the next target


class IncidentPhases:
    """By the key of the job; empty when no incident has stops."""

    def __init__(self) -> None:
        self._phases: dict[str, IncidentPhase] = {}
        self._cgroups: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._phases)

    def __contains__(self, job: str) -> bool:
        return job in self._phases

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._phases))

    def begin(self, job: JobIdentity) -> None:
        """An incident of this job runs, and has its stopped processes."""
        self._phases[job.key], self._cgroups[job.key] = IncidentPhase.RUNNING, job.cgroup_id

    def get(self, job: str) -> IncidentPhase:
        """The phase of a job that has one."""
        return self._phases[job]

    def any(self, phase: IncidentPhase) -> bool:
        """Whether a job is in this phase."""
        return phase in self._phases.values()

    def proceed(self, job: str, phase: IncidentPhase) -> None:
        """Its incident is in this phase from here on."""
        self._phases[job] = phase

    def end(self, job: str) -> None:
        """Its incident has ended."""
        del self._phases[job], self._cgroups[job]

    def has(self, job: str, process: StoppedProcess) -> bool:
        """Whether what becomes of a stopped process depends on the incident of this job.

        It is one of the job's own; or of another job that has no incident, and was stopped by
        the sum of the cgroup that both are in.
        """
        if process.job == job:
            return True
        at_bound = process.bound_key == self._cgroups.get(job) and not process.has_own_bound
        return at_bound and process.job not in self._phases
