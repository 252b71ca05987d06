"""A run of an ordinary user, in a scope that the systemd of its session delegates."""

import json
import pwd
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.build import ROOT, exact_binary
from tests.support.github import sudo_user
from tests.support.patience import patient
from tests.support.systemd import require_systemd

pytestmark = pytest.mark.kernel

SECONDS = patient(60.0)
MIB = 1 << 20


@pytest.fixture
def user() -> pwd.struct_passwd:
    """One that has a systemd of its own."""
    require_systemd()
    if not Path("/sys/fs/cgroup/cgroup.controllers").exists():
        pytest.skip("on v1 nothing is delegated to a user")
    entry = sudo_user()
    subprocess.run(["loginctl", "enable-linger", entry.pw_name], check=True, timeout=SECONDS)
    end = time.monotonic() + SECONDS
    while not Path(f"/run/user/{entry.pw_uid}/bus").exists():
        assert time.monotonic() < end
        time.sleep(0.1)
    return entry


def run(user: pwd.struct_passwd, folder: Path, said: str) -> subprocess.CompletedProcess[str]:
    folder.chmod(0o777)
    for above in folder.parents:
        above.chmod(above.stat().st_mode | 0o005)
    return subprocess.run(
        # As the service of a CI runner has it: with the user, and no session of its own.
        ["systemd-run", "--quiet", "--pipe", "--wait", f"--property=User={user.pw_name}",
         f"--setenv=PYTHONPATH={ROOT}", sys.executable, "-P", "-m", "ebpftrace", "run",
         "--memory", "64MiB", "--json", folder / "run.json", "--", exact_binary()],
        input=said, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip


def test_user_has_a_limit_and_the_counters_of_its_cgroup(
    user: pwd.struct_passwd, tmp_path: Path
) -> None:
    done = run(user, tmp_path, "map 40MiB\ntouch 0\n")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert found["limit_bytes"] == 64 * MIB, found["notes"]
    assert 40 * MIB <= found["peak_bytes"] <= 64 * MIB
    assert not any("cgroup of its own" in note for note in found["notes"])


def test_end_by_the_oom_killer_is_explained_to_the_user(
    user: pwd.struct_passwd, tmp_path: Path
) -> None:
    done = run(user, tmp_path, "map 100MiB\ntouch 0\n")
    assert "from the OOM killer" in " ".join(done.stderr.split()), done.stderr
    found = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert (found["signal"], found["oom_kills"]) == (9, 1)
