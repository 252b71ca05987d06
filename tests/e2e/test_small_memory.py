"""The tool in a small memory cgroup: its first start says what it needs, the next one works."""

from pathlib import Path

import pytest

from tests.support import cli
from tests.support.cgroups import memory_cgroup

MIB = 1 << 20
WATCH = ("watch", "--once", "--no-config", "--output", "jsonl")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"EBPFTRACE_CACHE_DIR": str(tmp_path / "cache")}


@pytest.mark.parametrize("limit", [64 * MIB, 72 * MIB])
def test_first_start_in_little_memory_says_what_to_do(
    environment: dict[str, str], limit: int
) -> None:
    with memory_cgroup(limit) as cgroup:
        done = cli.ebpftrace(*WATCH, before=cgroup.inside([]), environment=environment)
    assert done.returncode == 8, done.stderr
    assert done.stdout == ""
    text = " ".join(done.stderr.split())
    assert "compiling needs about 96 MiB once" in text
    assert f"a limit of {limit // MIB} MiB" in text
    assert "ebpftrace compile" in text
    assert "report it" not in text


def test_watch_starts_in_little_memory_once_its_programs_are_compiled(
    environment: dict[str, str],
) -> None:
    ahead = cli.ebpftrace("compile", environment=environment, seconds=8 * cli.SECONDS)
    assert ahead.returncode == 0, ahead.stderr
    folder = Path(environment["EBPFTRACE_CACHE_DIR"])
    before = sorted(folder.iterdir())
    policy = ("--growth", "256MiB/60s", "--on-breach", "true", "--audit", f"{folder}.jsonl")
    for options in ((), ("--children",), ("--comm", "a", "--cgroup", "/"), policy):
        with memory_cgroup(52 * MIB) as cgroup:
            done = cli.ebpftrace(
                *WATCH, *options, before=cgroup.inside([]), environment=environment
            )
        assert done.returncode == 0, done.stderr
    assert sorted(folder.iterdir()) == before
