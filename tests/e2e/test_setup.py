"""scripts/setup and scripts/as-root on machines that lack things.

The machines are fakes: a PATH with the few commands named here, and an apt-get that
only writes down what it was asked for. The real thing runs before every `make test`.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = [
    *("bash", "cat", "cut", "dirname", "env", "id", "mkdir", "mount", "paste"),
    *("pwd", "readlink", "rm", "sha256sum", "sleep", "touch"),
]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What setup reads of a clone, without a .venv."""
    folder = tmp_path / "clone"
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder with the commands of a bare machine: no gcc, no tmux, no apt-get, no sudo."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in COMMANDS:
        found = shutil.which(name)
        assert found, name
        (folder / name).symlink_to(found)
    return folder


def run(clone: Path, commands: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=clone,
        env={"PATH": str(commands), "HOME": str(clone)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def fake_apt(commands: Path, asked: Path) -> None:
    script = commands / "apt-get"
    script.write_text(f'#!/bin/sh\necho "$DEBIAN_FRONTEND $*" >> {asked}\n')
    script.chmod(0o755)


def test_without_apt_the_other_packages_are_named(clone: Path, commands: Path) -> None:
    done = run(clone, commands, "scripts/setup")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "test programs with exact memory use" in done.stderr
    assert "dnf install gcc glibc-devel tmux" in done.stderr
    assert "apk add gcc musl-dev tmux" in done.stderr
    assert "error: packages are missing" in done.stderr
    assert max(map(len, done.stderr.splitlines())) <= 80


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, as apt-get does")
def test_apt_is_asked_for_what_is_missing_and_for_nothing_else(
    clone: Path, commands: Path, tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    fake_apt(commands, asked)
    done = run(clone, commands, "scripts/setup")
    # A fresh machine's own updates hold dpkg's lock for minutes.
    patient = "noninteractive -q -y -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300"
    assert asked.read_text().splitlines() == [
        f"{patient} update",
        f"{patient} install --no-install-recommends gcc libc6-dev tmux",
    ]
    # This apt-get installed nothing, and setup notices.
    assert done.returncode == 1
    assert "error: still missing after the installation: gcc, libc tmux" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, as apt-get does")
def test_another_apt_at_work_on_the_lists_is_waited_for(
    clone: Path, commands: Path, tmp_path: Path
) -> None:
    """apt's own timeout is not for that lock; the words are those of apt 2.6."""
    asked, tried = tmp_path / "asked", tmp_path / "tried"
    fake_apt(commands, asked)
    held = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)"
    with (commands / "apt-get").open("a") as script:
        script.write(f"[ -e {tried} ] || {{ touch {tried}; echo '{held}' >&2; exit 100; }}\n")
    done = run(clone, commands, "scripts/apt-install", "tmux")
    assert done.returncode == 0, done.stderr
    assert "another apt is at work here; waiting for it" in done.stdout
    verbs = [line.split()[7] for line in asked.read_text().splitlines()]
    assert verbs == ["update", "update", "install"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, as apt-get does")
def test_an_apt_that_fails_is_not_asked_to_install(
    clone: Path, commands: Path, tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    fake_apt(commands, asked)
    with (commands / "apt-get").open("a") as script:
        script.write("echo 'E: no archive' >&2; exit 100\n")
    done = run(clone, commands, "scripts/apt-install", "tmux")
    assert done.returncode != 0
    assert "E: no archive" in done.stdout
    assert len(asked.read_text().splitlines()) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_without_root_and_sudo_it_says_what_to_do() -> None:
    # Not tmp_path: another user cannot look into it.
    with tempfile.TemporaryDirectory() as path:
        commands = Path(path)
        commands.chmod(0o755)
        for name in ("cat", "id"):
            (commands / name).symlink_to(shutil.which(name) or name)
        done = subprocess.run(
            ["/bin/sh", "-c", (ROOT / "scripts" / "as-root").read_text(), "as-root", "true"],
            env={"PATH": path},
            user=65534,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith("error: this needs root, and there is no sudo")
    assert "fix: " in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_sudo_is_given_what_the_tests_are_told_by_the_environment() -> None:
    """A fake sudo, that shows what it is asked for."""
    variables = {
        "EBPFTRACE_REQUIRE_KERNEL": "1",
        "EBPFTRACE_REQUIRE_GOPLS": "1",
        "EBPFTRACE_VM_CACHE": "/c",
        "EBPFTRACE_VM_MIRROR": "file:/m",
        "EBPFTRACE_VM_MIRROR_SECURITY": "file:/s",
        "GOBIN": "/a b",
    }
    with tempfile.TemporaryDirectory() as path:
        commands = Path(path)
        commands.chmod(0o755)
        (commands / "id").symlink_to(shutil.which("id") or "id")
        sudo = commands / "sudo"
        sudo.write_text('#!/bin/sh\nfor word; do echo "$word"; done\n')
        sudo.chmod(0o755)
        done = subprocess.run(
            ["/bin/sh", "-c", (ROOT / "scripts" / "as-root").read_text(), "as-root", "true"],
            env={"PATH": path, "OTHER": "1", **variables},
            user=65534,
            cwd="/",
            capture_output=True,
            text=True,
            check=True,
        )
    words = done.stdout.splitlines()
    assert words[:2] == ["env", f"PATH={path}"]
    assert sorted(words[2:-1]) == sorted(f"{name}={value}" for name, value in variables.items())
    assert words[-1] == "true"
