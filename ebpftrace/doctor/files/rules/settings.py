"""Variables and settings that gopls or the Go runtime does not read, or refuses."""

import re
from collections.abc import Iterator

from ebpftrace.doctor.check import CheckState
from ebpftrace.doctor.files.context import Context
from ebpftrace.doctor.files.problem import Problem, Rule, problem
from ebpftrace.doctor.files.statements import Assignment, Statement
from ebpftrace.text import clean

VARIABLE = Rule(
    "gopls-variable", CheckState.WARNING, "a variable that gopls does not read",
    "gopls reads no such variable, and nothing changes",
)  # fmt: skip
SETTING = Rule(
    "gopls-setting", CheckState.WARNING, "a setting that gopls does not have",
    "gopls has no such setting: it is not among the 45 of v0.24.0 or the 35 of v0.14.2",
)  # fmt: skip
GOMEMLIMIT = Rule(
    "gomemlimit", CheckState.ERROR, "a GOMEMLIMIT that the Go runtime refuses",
    'every Go program ends at once with "malformed GOMEMLIMIT" and exit code 2',
)  # fmt: skip

_CACHED = "a file cache saves memory: gopls took 365 MiB with one and 2,001 MiB without"
INVENTED = {
    "GOLANG_ORG_GOPLS_CACHE_DIR": "its file cache is in GOPLSCACHE, which jobs should share",
    "GOLANG_ORG_GOPLS_DISABLE_CACHE": f"remove it; {_CACHED}",
}
"""Variables that gopls does not read, and what to do instead."""
_LIMIT = re.compile(r"off|[0-9]+(?:B|[KMGT]iB)?")  # debug.SetMemoryLimit
_LITERAL = re.compile(r"[0-9A-Za-z.]{1,20}")


def check(statement: Statement, context: Context) -> Iterator[Problem]:
    """Of settings alone."""
    if not isinstance(statement, Assignment):
        return
    name, value = statement.name.text, statement.value.text.strip()
    if name in INVENTED:
        yield problem(VARIABLE, statement.name, name, INVENTED[name])
    elif name.rpartition(".")[2] == "dependencies" and value == "shallow":
        fix = "directoryFilters, or expandWorkspaceToModule: false, limit what it loads"
        yield problem(SETTING, statement.name, "dependencies: shallow", fix)
    elif name == "GOMEMLIMIT" and _LITERAL.fullmatch(value) and not _LIMIT.fullmatch(value):
        fix = "write bytes, or whole KiB, MiB or GiB, such as GOMEMLIMIT=1800MiB"
        yield problem(GOMEMLIMIT, statement.value, f"GOMEMLIMIT={clean(value)}", fix)
