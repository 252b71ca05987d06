"""The keys of a policy file: one table of them for the parser, errors and the schema.

An action's own keys are those of its options dataclass (see act/actions/support/action.py), a
condition's those of its detector (see conditions.py).
"""

from fnmatch import fnmatchcase

from ebpftrace.act.policy.fuse import FuseAction, FuseEnd, FuseResumed
from ebpftrace.act.policy.policy import Mode
from ebpftrace.act.policy.toml.tables import Key
from ebpftrace.act.policy.toml.values import (
    BOOL,
    COUNT,
    DURATION,
    GLOB,
    SHARE,
    SIZE,
    SPAN,
    TEXT,
    Kind,
    choice,
    several,
)
from ebpftrace.events import FuseScope
from ebpftrace.jobs.kinds import job_kinds
from ebpftrace.judge.condition_kind import Bound
from ebpftrace.judge.finding import Severity
from ebpftrace.text import clean
from ebpftrace.units import parse_share

NAME_LIMIT = 40
JOB_KINDS = job_kinds()


def _name(value: object) -> str:
    name: str = TEXT.read(value)
    if clean(name, NAME_LIMIT) != name:
        raise ValueError
    return name


def job_kind_globs(kinds: tuple[str, ...]) -> Kind:
    """Globs, each of which must match one of `kinds` at least."""

    def read(value: object) -> str:
        glob: str = GLOB.read(value)
        if not any(fnmatchcase(kind, glob) for kind in kinds):
            raise ValueError
        return glob

    return several(Kind(f"a glob for one of {', '.join(kinds)}", read, GLOB.schema), least=1)


def _level(value: object) -> Bound:
    if isinstance(value, str) and value.rstrip().endswith("%"):
        return Bound(parse_share(value), is_share=True)
    if isinstance(value, str) and not value.strip()[-1:].isalpha():
        raise ValueError  # 85 or 85.0 for 85%: a slip, and as bytes no useful bound
    return Bound(SIZE.read(value))


def _rate(value: object) -> int:
    size, _, second = str(TEXT.read(value)).partition("/")
    if second.strip() != "s":
        raise ValueError
    rate: int = SIZE.read(size)
    return rate


def _backstop(value: object) -> float | None:
    if value is False:
        return None
    share: float = SHARE.read(value)
    if share >= 1:
        raise ValueError  # the OOM killer comes first
    return share


NAME = Kind(f"a printable name of 1 to {NAME_LIMIT} characters", _name,
            {"type": "string", "minLength": 1, "maxLength": NAME_LIMIT})  # fmt: skip
# An empty array would match everything, which no policy's author wants.
GLOBS = several(Kind("a glob", TEXT.read, GLOB.schema), least=1)
JOB_KIND_GLOBS = job_kind_globs(JOB_KINDS)
MODE = choice({mode.value: mode for mode in Mode})
SEVERITY = choice({severity.name.lower(): severity for severity in Severity})
PER_PROCESS = choice({"job": False, "process": True})
LEVEL = Kind(
    'a share such as "85%" or a size such as "1.5GiB"',
    _level,
    {"type": ["string", "integer"], "minimum": 1,
     "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*(B|[KMGT]iB|[kKMGT]B|%)\s*$"},
)  # fmt: skip
RATE = Kind(
    'a rate such as "1MiB/s"',
    _rate,
    {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*(|B|[KMGT]iB|[kKMGT]B)/s\s*$"},
)
BACKSTOP = Kind(
    'a share below 100% such as "95%", or false',
    _backstop,
    {"anyOf": [SHARE.schema, {"const": False}]},
)

POLICY = (
    Key("name", "name", NAME, "what the audit log and the views call it", required=True),
    Key("mode", "mode", MODE, "whether any or all of `when` must hold"),
    Key("for", "for_ns", DURATION, "how long they must hold before anything is done"),
    Key("cooldown", "cooldown_ns", DURATION, "rest after an incident, per job"),
    Key("grace", "grace_ns", DURATION, "a process younger than this is exempt"),
    Key("dry_run", "dry_run", BOOL, "report what would be done, and do nothing"),
    Key("capture", "capture", BOOL, "put a capture before a ladder that has none"),
    Key("backstop", "backstop", BACKSTOP, "where the kernel stops a process while the "
        "built-in judgement waits for evidence; false: nowhere"),
)  # fmt: skip

MATCH = (
    Key("comm", "comms", GLOBS, "process name, as ps -o comm has it"),
    Key("job_kind", "job_kinds", JOB_KIND_GLOBS, "what the job was identified as"),
    Key("job_name", "job_names", GLOBS, "the job's name, as the views show it"),
    Key("cgroup", "cgroups", GLOBS, "path of the memory cgroup; * crosses slashes"),
    Key("container", "containers", GLOBS, "container id, of 64 or of 12 digits"),
    Key("unit", "units", GLOBS, "a systemd unit on the cgroup's path"),
)

BUDGET = (
    Key("restarts", "restarts", COUNT, "how many processes of a job it may end per window"),
    Key("window", "window_ns", SPAN, "the window"),
)

FUSE = (
    Key("bound", "bound", LEVEL, "where the kernel stops a growing process: a share of the "
        "limit, or a size", required=True),
    Key("of", "scope", choice({scope.value: scope for scope in FuseScope}), "what is "
        "compared with it: what the process holds, its job, or all that the job's cgroup is "
        "charged for"),
    Key("action", "action", choice({each.value: each for each in FuseAction}), "stop it and "
        "run the ladder, or kill it at once"),
    Key("then", "then", choice({each.value: each for each in FuseEnd}), "what becomes of "
        "a process that is still stopped after the ladder"),
    Key("resumed", "resumed", choice({each.value: each for each in FuseResumed}), "what "
        "becomes of a stopped process that other programs resume five times within a second; "
        "by default it is killed where three quarters of the limit are taken"),
)  # fmt: skip

STEP = (Key("timeout", "timeout_ns", SPAN, "how long it may take"),)
