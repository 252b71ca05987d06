"""A CI system described by the names of its variables, for the table in table.py."""

from collections.abc import Callable
from dataclasses import dataclass

from ebpftrace.host.environ import Environ
from ebpftrace.jobs.ci import run
from ebpftrace.jobs.ci.run import CiProcess, CiRun, run_id, short_name


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the environment, or several joined by `|`, of which the first one counts
    that has a value."""

    sources: tuple[tuple[str, Callable[[Environ, str], str]], ...] = ()

    def __or__(self, other: "Variable") -> "Variable":
        return Variable(self.sources + other.sources)

    @property
    def name(self) -> str:
        """The first variable's name."""
        return self.sources[0][0]

    def read(self, environ: Environ) -> str:
        """Its value; "" if it is not set or not what it must be."""
        values = (read(environ, name) for name, read in self.sources)
        return next(filter(None, values), "")


def text(name: str) -> Variable:
    """A variable with any value of up to 256 bytes."""
    return Variable(((name, lambda environ, name: environ.get(name)),))


def number(name: str) -> Variable:
    """A variable that must be a whole number."""
    return Variable(((name, run.number),))


def word(name: str) -> Variable:
    """A variable that must be an identifier (a number, a UUID, a slug)."""
    return Variable(((name, run.word),))


NOTHING = Variable()


@dataclass(frozen=True, slots=True, kw_only=True)
class CiVariables:
    """A CI system that sets a marker variable in every job, and others that identify the run.

    A process is recognised by two things. `marker` has the value `marker_value`, in upper
    or lower case ("": any value). `build` has a value, and so has `project` where
    `project_required`. `run` are the variables that together distinguish runs, attempts and
    legs of a matrix; `build` alone unless given. The name is
    "owner/project#count job (detail)"; `count` is `build` unless given, and the kind stands
    in for a missing project. `recurring` are those that together name the job in each of its
    runs, a leg of a matrix included. `agents` are the programs that start jobs.
    """

    kind: str
    marker: str
    marker_value: str = "true"
    build: Variable
    run: tuple[Variable, ...] = ()
    owner: Variable = NOTHING
    project: Variable
    project_required: bool = False
    count: Variable = NOTHING
    job: Variable = NOTHING
    detail: Variable = NOTHING
    recurring: tuple[Variable, ...] = ()
    agents: tuple[str, ...] = ()

    def identify(self, process: CiProcess) -> CiRun | None:
        environ = process.environ
        build, project = self.build.read(environ), self.project.read(environ)
        if not build or not self._is_marked(environ):
            return None
        if not project and self.project_required:
            return None
        owner, project = self.owner.read(environ), project or self.kind
        count = self.count if self.count.sources else self.build
        recurring = self.recurring or (self.owner, self.project, self.job)
        return CiRun(
            kind=self.kind,
            run=run_id(*(part.read(environ) for part in self.run or (self.build,))),
            name=short_name(
                f"{owner}/{project}" if owner else project,
                count.read(environ),
                self.job.read(environ),
                self.detail.read(environ),
            ),
            variable=self.build.name,
            recurring=run_id(*(part.read(environ) for part in recurring)),
        )

    def _is_marked(self, environ: Environ) -> bool:
        value = environ.get(self.marker)
        return value.lower() == self.marker_value if self.marker_value else bool(value)
