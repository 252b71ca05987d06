"""Caches that are empty whenever a job starts."""

import re
from collections.abc import Iterator

from ebpftrace.doctor.check import CheckState
from ebpftrace.doctor.files.context import Context
from ebpftrace.doctor.files.problem import Problem, Rule, problem
from ebpftrace.doctor.files.statements import Assignment, Statement

_RULES = {
    "GOPLSCACHE": Rule(
        "fresh-goplscache", CheckState.WARNING, "a file cache that is empty in each job",
        "with an empty file cache gopls took 2,001 MiB on golang.org/x/tools, with a filled "
        "one 365 MiB",
    ),
    "GOCACHE": Rule(
        "fresh-gocache", CheckState.WARNING, "a build cache that is empty in each job",
        "with an empty one a build of goimports took 322 MiB and 47 s, with a filled one "
        "141 MiB and 1 s",
    ),
    "GOMODCACHE": Rule(
        "fresh-gomodcache", CheckState.WARNING, "a module cache that is empty in each job",
        "each job downloads and unpacks all its modules again",
    ),
}  # fmt: skip
FRESH_FILE_CACHE = _RULES["GOPLSCACHE"]
RULES = tuple(_RULES.values())

SHARE_CACHES = "let the jobs of a user share the folder, and separate them by memory cgroups"
_NEW = re.compile(
    r"\bmktemp\b|\buuidgen\b|\$\$|\$\{?RANDOM\b|\$\(date\b"
    r"|\b(?:GITHUB_RUN_(?:ID|NUMBER)|github\.run_(?:id|number)|CI_(?:JOB|PIPELINE)_I?ID"
    r"|BUILD_(?:ID|NUMBER|TAG|BUILDID|BUILDNUMBER)|BUILDKITE_(?:JOB|BUILD)_ID"
    r"|BUILDKITE_BUILD_NUMBER|CIRCLE_(?:BUILD_NUM|WORKFLOW_ID|WORKFLOW_JOB_ID)"
    r"|DRONE_BUILD_NUMBER|TRAVIS_(?:JOB|BUILD)_ID|Build\.BuildId|SEMAPHORE_JOB_ID)\b"
)
"""A path with one of these is another one in each run."""
_EMPTIED = re.compile(
    r"\b(?:RUNNER_TEMP|runner\.temp|AGENT_TEMPDIRECTORY|Agent\.TempDirectory|WORKSPACE_TMP"
    r"|GITHUB_WORKSPACE|github\.workspace|CI_PROJECT_DIR|CI_BUILDS_DIR)\b"
)
"""These folders are emptied, or begin empty, unless a step restores what was saved."""
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)|\$\(([A-Za-z_]\w*)\)|\{\{ *env\.([A-Za-z_]\w*)")
_MOST_VARIABLES = 32


def check(statement: Statement, context: Context) -> Iterator[Problem]:
    """Of settings alone."""
    if not isinstance(statement, Assignment):
        return
    name = statement.name.text
    rule = _RULES.get(name)
    if rule is not None and _is_new(statement.value.text, context):
        yield problem(rule, statement.name, f"{name} is new in each job", SHARE_CACHES)


def _is_new(value: str, context: Context) -> bool:
    """Whether it is another path in each run, by itself or by the variables in it."""
    values, names = [value], set[str]()
    for text in values:
        if _NEW.search(text) or (_EMPTIED.search(text) and not context.keeps_caches):
            return True
        for name in filter(None, (name for found in _VARIABLE.findall(text) for name in found)):
            if name not in names and len(names) < _MOST_VARIABLES:
                names.add(name)
                values.append(context.values.get(name, ""))
    return False
