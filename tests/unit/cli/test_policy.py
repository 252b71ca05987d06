"""`ebpftrace policy`: what it prints of a file and of a process, without a real one."""

import importlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ebpftrace.act.policy.schema import schema
from ebpftrace.act.process.identity import RefusedError
from ebpftrace.errors import UsageError
from ebpftrace.host.cgroups import CgroupPaths
from ebpftrace.host.mounts import MemoryHierarchy
from ebpftrace.host.proc import Stat
from ebpftrace.units import NS_PER_SECOND
from tests.support import watches

# Not by its attribute of the package, which is the command itself.
command = importlib.import_module("ebpftrace.cli.policy")

PID = 2**22  # no process can have it
AGE_SECONDS = 60

FILE = """
[[policy]]
name = "leaks"
match = { comm = ["gopls"] }
when = [{ detector = "level", bound = "2GiB" }]
then = [{ action = "signal" }]
grace = "GRACE"

[[policy]]
name = "rest"
when = [{ detector = "oom" }]
then = [{ action = "notify" }]
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its path is short, so that no line with it is wrapped."""
    monkeypatch.chdir(tmp_path)
    written = Path("policy.toml")
    written.write_text(FILE.replace("GRACE", "30s"), encoding="utf-8")
    return written


@pytest.fixture
def comm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The name of the process, which is a minute old; a test may replace it."""
    name = ["gopls"]
    ticks = 1_000

    def live(pid: int, _paths: CgroupPaths) -> tuple[Stat, object]:
        return Stat(pid, name[0], "S", 1, ticks), watches.identity()

    started_ns = Stat(PID, "", "S", 1, ticks).start_boottime_ns
    monkeypatch.setattr(command, "_live", live)
    monkeypatch.setattr(command, "memory_hierarchy", lambda: MemoryHierarchy("v1", tmp_path))
    monkeypatch.setattr(command, "identify", lambda _key: None)
    monkeypatch.setattr(command, "in_own_ancestry", lambda _pid: False)
    now_ns = started_ns + AGE_SECONDS * NS_PER_SECOND
    monkeypatch.setattr("time.clock_gettime_ns", lambda _clock: now_ns)
    return name


def run(*args: object) -> Result:
    return CliRunner().invoke(command.policy, [str(arg) for arg in args])


def explained(file: Path) -> list[str]:
    done = run("explain", file, "--pid", PID)
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


def test_valid_file_is_counted_and_its_policies_named(file: Path) -> None:
    done = run("check", file)
    assert done.exit_code == 0
    assert done.stdout == "policy.toml: 2 policies: leaks, rest\n"


def test_every_mistake_is_printed_with_its_line(file: Path) -> None:
    file.write_text(FILE.replace("GRACE", "soon").replace('"oom"', '"omm"'), encoding="utf-8")
    done = run("check", file)
    assert done.exit_code == 10
    assert done.stdout == ""
    printed = " ".join(done.stderr.split())
    assert 'policy.toml:7: policy[0].grace: found "soon"' in printed
    assert 'policy.toml:11: policy[1].when[0].detector: found "omm", expected "oom"' in printed


def test_without_a_pid_every_policy_is_described(file: Path) -> None:
    lines = run("explain", file).stdout.splitlines()
    assert [line for line in lines if line[:2] in ("1.", "2.")] == ["1. leaks", "2. rest"]
    assert lines[-1] == "The first policy that matches a process applies to it."


def test_first_policy_that_matches_applies_and_later_ones_are_too_late(
    file: Path, comm: list[str]
) -> None:
    lines = explained(file)
    assert lines[0] == f"gopls {PID} is in the github job build-42"
    assert "  applies   leaks" in lines
    assert "  too late  rest: it matches, but leaks comes first" in lines


def test_policy_that_does_not_match_says_why(file: Path, comm: list[str]) -> None:
    comm[0] = "rust-analyzer"
    lines = explained(file)
    assert "  no match  leaks: comm is rust-analyzer, not gopls" in lines
    assert "  applies   rest" in lines


def test_process_that_no_policy_takes_is_never_acted_on(file: Path, comm: list[str]) -> None:
    file.write_text(FILE.replace("GRACE", "30s").partition("\n\n")[0], encoding="utf-8")
    comm[0] = "rust-analyzer"
    assert explained(file)[-1] == (
        "  No policy applies: it is watched and judged, and never acted on."
    )


@pytest.mark.parametrize(
    ("grace", "last"),
    [
        ("30s", "  It is older than the grace period of 30s."),
        (
            "90s",
            "  It is exempt for another 30s (grace 1m30s), unless its limit comes first.",
        ),
    ],
)
def test_age_is_compared_with_the_grace(
    file: Path, comm: list[str], grace: str, last: str
) -> None:
    file.write_text(FILE.replace("GRACE", grace), encoding="utf-8")
    assert explained(file)[-1] == last


@pytest.mark.parametrize(
    ("ancestor", "last"),
    [
        (False, "  No policy ever signals it: it is a kernel thread."),
        (
            True,
            "  Its descendants, such as this ebpftrace, never signal it.",
        ),
    ],
)
def test_process_that_is_never_signalled_says_why(
    file: Path, comm: list[str], monkeypatch: pytest.MonkeyPatch, ancestor: bool, last: str
) -> None:
    def refuse(_key: object) -> None:
        raise RefusedError("it is a kernel thread")

    monkeypatch.setattr(command, "identify", refuse)
    monkeypatch.setattr(command, "in_own_ancestry", lambda _pid: ancestor)
    assert explained(file)[-1] == last


def test_schema_is_printed_as_json() -> None:
    printed = json.loads(run("schema").stdout)
    assert (
        printed["properties"]["policy"]
        == json.loads(json.dumps(schema()))["properties"]["policy"]
    )


def test_missing_default_file_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "default_file", lambda _environment: None)
    done = run("check")
    assert isinstance(done.exception, UsageError)
    assert "default locations" in str(done.exception)
