"""What a developer's shell and home directory have is not what the tests see."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ebpftrace.act.policy.store import default_file

PRINT = """
import os, pathlib
from tests.support.surroundings import reset_surroundings
reset_surroundings(pathlib.Path("/empty"))
print(*sorted(name for name in os.environ if name.startswith(("EBPFTRACE_", "XDG_CONFIG_"))))
"""


def test_policy_in_the_home_directory_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / ".config/ebpftrace/policy.toml"
    policy.parent.mkdir(parents=True)
    policy.touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_file(os.environ, tmp_path / "none") is None
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert default_file(os.environ, tmp_path / "none") == policy


def test_variables_of_ebpftrace_are_unset_but_for_those_about_the_tests() -> None:
    names = ("EBPFTRACE_RUN_DIR", "EBPFTRACE_HISTORY", "EBPFTRACE_REQUIRE_KERNEL")
    run = subprocess.run(
        [sys.executable, "-c", PRINT],
        env={"PATH": os.environ["PATH"]} | dict.fromkeys(names, "1"),
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == ["EBPFTRACE_REQUIRE_KERNEL", "XDG_CONFIG_HOME"]
