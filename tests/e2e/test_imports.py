"""What a watch imports: the start and the memory of every watch pay for it.

The budget is a number of modules, which no load changes, where a time would vary.
"""

import subprocess
import sys

import pytest

from tests.support import cli

pytestmark = pytest.mark.kernel

PROGRAM = """
import atexit, sys
from ebpftrace.cli import main
atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))
sys.argv[1:] = {arguments!r}
main()
"""

BEFORE_LOADING = """
import os, sys
from ebpftrace.cli import main
from ebpftrace.probe.loading import opening

def cached_programs(*_arguments, **_options):
    print(*sorted(sys.modules), file=sys.stderr)
    os._exit(0)

opening.cached_programs = cached_programs
sys.argv[1:] = {arguments!r}
main()
"""

UNTIL_FIRST_FIGURES = """
import os, sys
from ebpftrace.cli import main
from ebpftrace.engine.judging import Judging

def of_snapshot(*_arguments):
    print(*sorted(sys.modules), file=sys.stderr, flush=True)
    os._exit(0)

Judging.of_snapshot = of_snapshot
sys.argv[1:] = {arguments!r}
main()
"""

HEAVY = {
    "_hashlib", "asyncio", "bcc", "concurrent", "email", "hashlib", "http", "jeepney",
    "multiprocessing", "prometheus_client", "pyroute2", "rich", "sqlite3", "ssl", "subprocess",
    "tempfile", "tomllib", "urllib.request",
}  # fmt: skip
"""pathlib itself imports urllib.parse in Python 3.11."""

UNUSED = {
    "ebpftrace.act.actions", "ebpftrace.act.breaker", "ebpftrace.act.policy.file",
    "ebpftrace.act.policy.policy", "ebpftrace.act.trigger", "ebpftrace.engine.breaker_driver",
    "ebpftrace.cli.history", "ebpftrace.golang.buildinfo",
    "ebpftrace.history.run", "ebpftrace.host.delay_accounting", "ebpftrace.probe.loading.btf",
    "ebpftrace.service", "ebpftrace.cli.settings",
}  # fmt: skip

LATER = {
    "ebpftrace.act.fuse.events", "ebpftrace.act.incident.outcome",
    "ebpftrace.act.process.survival", "ebpftrace.engine.near_limit", "ebpftrace.judge",
    "textwrap",
}  # fmt: skip
"""Not until the first figures, in JSON Lines."""

UNTIL_FIGURES, WITHOUT_POLICY = 331, 363


def imported(*arguments: str, program: str = PROGRAM) -> set[str]:
    """The modules of a watch that ran until it ended by itself."""
    watch = ["watch", "--once", "--comm", "no-such-process", *arguments]
    ended = subprocess.run(
        [sys.executable, "-c", program.format(arguments=watch)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=8 * cli.SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return set(ended.stderr.splitlines()[-1].split())


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    imported("--no-config", "--output", "jsonl")  # so that no test sees the compiler's imports


@pytest.mark.parametrize("output", ["jsonl", "plain"])
def test_watch_without_policy_imports_nothing_that_it_does_not_use(output: str) -> None:
    modules = imported("--no-config", "--output", output)
    assert not modules & (HEAVY | UNUSED)
    assert len(modules) <= WITHOUT_POLICY, sorted(modules)


def test_what_judges_and_acts_is_imported_after_the_first_figures() -> None:
    modules = imported("--no-config", "--output", "jsonl", program=UNTIL_FIRST_FIGURES)
    assert not modules & (HEAVY | UNUSED | LATER)
    assert len(modules) <= UNTIL_FIGURES, sorted(modules)


def test_what_judges_and_shows_is_imported_while_the_kernel_verifies_the_programs() -> None:
    modules = imported("--output", "jsonl", program=BEFORE_LOADING)
    later = ("ebpftrace.jobs", "ebpftrace.judge", "ebpftrace.ledger", "ebpftrace.views.jsonl")
    assert not modules & {*later, "ebpftrace.engine.watch_loop"}


def test_watch_with_a_policy_imports_what_acts_and_nothing_heavy() -> None:
    modules = imported("--on-breach", "true", "--output", "jsonl")
    assert "ebpftrace.act.policy.policy" in modules
    assert not modules & HEAVY - {"subprocess", "tomllib"}
