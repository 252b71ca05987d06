"""A CI system described by the names of its variables, for the table in table.py."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from ebpftrace.host.environ import Environ
from ebpftrace.jobs.ci import run
from ebpftrace.jobs.ci.run import CiProcess, CiRun, run_id, short_name
from ebpftrace.jobs.identity import RunOrigin
from ebpftrace.jobs.run_parts import without_run_parts

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


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


def before(mark: str, name: str) -> Variable:
    """The part of a variable before the first `mark`: of "project:1f3d", "project"."""
    return Variable(((name, lambda environ, name: environ.get(name).partition(mark)[0]),))


def stable(name: str) -> Variable:
    """A variable without the numbers and random suffixes that differ from run to run."""
    return Variable(((name, lambda environ, name: without_run_parts(environ.get(name))),))


def uuid(name: str) -> Variable:
    """A variable that must be a UUID."""
    return Variable(((name, _uuid),))


def _uuid(environ: Environ, name: str) -> str:
    value = environ.get(name, 36)
    return value if _UUID.fullmatch(value) else ""


NOTHING = Variable()
WITHOUT = Variable((("", lambda _environ, _name: ""),))
"""For `count`: the name shows no number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CiVariables:
    """A CI system that sets a marker variable in every job, and others that identify the run.

    A process is recognised by two things. `marker`, or one of `other_markers`, has the value
    `marker_value`, in upper or lower case ("": any value). `build` has a value, and so has
    `project` where `project_required`. `run` are the variables that together distinguish
    runs, attempts and legs of a matrix; `build` alone unless given. The name is
    "owner/project#count job (detail)"; `count` is `build` unless given, and the kind stands
    in for a missing project. `url` is the run's page. `recurring` are those that together
    name the job in each of its runs, a leg of a matrix included. `agents` are the programs
    that start jobs.
    """

    kind: str
    marker: str
    other_markers: tuple[str, ...] = ()
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
    url: Variable = NOTHING
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
            origin=RunOrigin(
                repository=f"{owner}/{project}" if owner else project,
                job=self.job.read(environ),
                url=self.url.read(environ),
            ),
        )

    def _is_marked(self, environ: Environ) -> bool:
        markers = (self.marker, *self.other_markers)
        values = (environ.get(marker).lower() for marker in markers)
        wanted = self.marker_value
        return any(value == wanted if wanted else value for value in values)
