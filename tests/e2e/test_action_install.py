"""The action for GitHub on a runner that is not root: installed by hash, then run."""

from pathlib import Path

import pytest

from tests.support.delegation import UNPRIVILEGED, as_user
from tests.support.github import Runner

pytestmark = pytest.mark.kernel


def test_runner_without_root_installs_it_and_has_its_commands_run(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o001)
    runner = Runner(tmp_path, as_user([]), UNPRIVILEGED)
    code = runner.run({"run": "id -u; exit 3", "memory": "64MiB"})
    assert (code, runner.stdout) == (3, f"{UNPRIVILEGED}\n"), runner.stderr
    assert "--memory has no effect" in " ".join(runner.stderr.split())
    assert Path(runner.environment["EBPFTRACE"]).is_relative_to(tmp_path)
