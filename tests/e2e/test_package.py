"""The package, in a bare Debian 12: it installs, runs, watches, and is removed again.

The image of `make image` is the same package in the same Debian with the same packages, so that
what is run here is what its entry point runs.
"""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from ebpftrace import __version__
from tests.support.build import ROOT
from tests.support.patience import patient
from tests.vm import rootfs
from tests.vm.cache import kept
from tests.vm.run import UnavailableError, run

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(1800)]

SUITE = "bookworm"
SECONDS = patient(600.0)
INSTALLED = (
    "etc/ebpftrace/policy.toml",
    "lib/systemd/system/ebpftrace.service",
    "usr/share/man/man1/ebpftrace.1.gz",
    "usr/share/bash-completion/completions/ebpftrace",
    "usr/share/zsh/vendor-completions/_ebpftrace",
    "usr/share/fish/vendor_completions.d/ebpftrace.fish",
    "usr/share/doc/ebpftrace/copyright",
)


def debian(folder: Path) -> Path:
    """A Debian 12 with what the package depends on."""
    for program in ("dpkg-deb", "debootstrap"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program}")

    def make(there: Path) -> None:
        rootfs.debootstrap(there, SUITE, ("python3", "python3-bpfcc"))

    try:
        base = kept("package-bases", SUITE, make)
    except UnavailableError as error:
        pytest.skip(f"Debian's archive does not answer: {error}")
    run(["cp", "--archive", "--reflink=auto", base, folder])
    return folder


def inside(root: Path, *command: str, code: int = 0) -> str:
    """What it writes to standard output; its exit code is as expected."""
    argv, environment = rootfs.inside(root, SUITE, command, kernel=True)
    done = subprocess.run(
        argv, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_it_installs_watches_and_is_removed(tmp_path: Path) -> None:
    root = debian(tmp_path / "root")
    built = subprocess.run(
        [ROOT / "scripts/deb", tmp_path], capture_output=True, text=True, timeout=SECONDS
    )
    assert built.returncode == 0, built.stderr
    shutil.copy(built.stdout.strip(), root / "root/package.deb")
    inside(root, "dpkg", "--install", "/root/package.deb")
    assert inside(root, "ebpftrace", "--version") == f"ebpftrace, version {__version__}\n"
    assert "--listen" in inside(root, "ebpftrace", "serve", "--help")
    checked = inside(root, "ebpftrace", "policy", "check")
    assert "/etc/ebpftrace/policy.toml: 1 policy: evidence" in checked
    assert [name for name in INSTALLED if not (root / name).is_file()] == []
    assert list((root / "usr/lib/ebpftrace/ebpftrace/__pycache__").glob("*.pyc"))
    _watches(root)
    _leaves_its_files_until_it_is_purged(root)


def _watches(root: Path) -> None:
    """With neither a compiler nor headers of a kernel."""
    inside(root, "sh", "-c", "which gcc cc clang || test -e /usr/src/linux*", code=1)
    done = inside(
        root, "ebpftrace", "watch", "--once", "--comm", "no-such-name", "--output", "jsonl",
        "--no-config", "--no-history",
    )  # fmt: skip
    kinds = [json.loads(line)["type"] for line in done.splitlines()]
    assert (kinds[0], kinds[-1]) == ("start", "end")
    assert list((root / "var/cache/ebpftrace").iterdir())


def _leaves_its_files_until_it_is_purged(root: Path) -> None:
    (root / "var/log/ebpftrace").mkdir(exist_ok=True)
    (root / "var/log/ebpftrace/audit.jsonl").write_text("{}\n", encoding="utf-8")
    inside(root, "dpkg", "--remove", "ebpftrace")
    assert not (root / "usr/lib/ebpftrace").exists()
    assert (root / "etc/ebpftrace/policy.toml").exists()
    assert (root / "var/log/ebpftrace/audit.jsonl").exists()
    inside(root, "dpkg", "--purge", "ebpftrace")
    for name in ("etc/ebpftrace", "var/log/ebpftrace", "var/cache/ebpftrace"):
        assert not (root / name).exists(), name
