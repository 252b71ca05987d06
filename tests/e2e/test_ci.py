""".ci/run: what fails it, and what it says where no kernel can be booted.

`make`, the installer and the machines are fakes that only end as the test asks: the real
ones take a quarter of an hour, and run in .ci/run itself.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNAVAILABLE = 69
LOUD = "NOT TESTED: no kernel was booted"


def ci(
    folder: Path,
    *,
    make: int = 0,
    install: int = 0,
    machine: int = 0,
    require: int = 0,
    fleet: int = 0,
) -> subprocess.CompletedProcess[str]:
    """Run it as root with fakes that end with these exit codes."""
    shutil.copytree(ROOT / ".ci", folder / ".ci")  # makes the folder
    for name, code in (
        ("bin/make", make),
        ("scripts/setup-vm", install),
        ("scripts/as-root", machine),
        (".venv/bin/python", fleet),
    ):
        fake = folder / name
        fake.parent.mkdir(parents=True, exist_ok=True)
        fake.write_text(f'#!/bin/sh\necho "ran {name} $*"\nexit {code}\n')
        fake.chmod(0o755)
    user = folder / "bin" / "id"
    user.write_text("#!/bin/sh\necho 0\n")
    user.chmod(0o755)
    return subprocess.run(
        [folder / ".ci" / "run"],
        env={
            "PATH": f"{folder}/bin:{os.environ['PATH']}",
            **({"EBPFTRACE_REQUIRE_VM": str(require)} if require else {}),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_all_is_well_when_both_are(tmp_path: Path) -> None:
    done = ci(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    tests, built, fleet, said, _, debian, machine = done.stdout.splitlines()
    assert tests.endswith(" test ARGS=--reruns=1 -raR")
    assert built.endswith(" -m tests.fleet.tools.build --check")
    assert fleet.endswith(" test-fleet ARGS=--reruns=1 -raR")
    assert "tested with a real Kubernetes" in said
    assert debian.endswith(" -m tests.vm.trixie --reruns=1 -raR")
    assert " -m tests.vm --" in machine
    assert machine.endswith(" -- --reruns=1 -raR")
    assert LOUD not in done.stdout


def test_where_kubernetes_was_not_built_it_says_so(tmp_path: Path) -> None:
    done = ci(tmp_path, fleet=UNAVAILABLE)
    assert done.returncode == 0
    assert "NOT TESTED: a real Kubernetes" in done.stdout
    assert "test-fleet" not in done.stdout


@pytest.mark.parametrize("code", [1, 2, 124])
def test_what_fails_in_a_machine_fails_it(tmp_path: Path, code: int) -> None:
    done = ci(tmp_path, machine=code)
    assert done.returncode == code
    assert LOUD not in done.stdout


def test_what_fails_here_fails_it(tmp_path: Path) -> None:
    assert ci(tmp_path, make=2).returncode == 2


@pytest.mark.parametrize("lacking", [{"machine": UNAVAILABLE}, {"install": 1}])
def test_where_no_kernel_can_be_booted_the_last_words_say_so(
    tmp_path: Path, lacking: dict[str, int]
) -> None:
    done = ci(tmp_path / "may", **lacking)
    assert done.returncode == 0
    assert LOUD in done.stdout.splitlines()[-3]
    assert max(map(len, done.stdout.splitlines()[-3:])) <= 80
    assert ci(tmp_path / "must", **lacking, require=1).returncode == 1
