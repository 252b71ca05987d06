"""The guest's root file system: a bare Debian, then vagrant/provision.sh.

packages.txt has what a Debian that boots has anyhow, the rivals of bench/rivals, and a Ruby
for the Vagrantfile; all else, gopls as well, is for the script to get, as it does in Vagrant.

Made once for each list of packages and each provision.sh (with what it installs), and
opened by QEMU as a snapshot, so that every run starts from the same bytes.
"""

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from tests.support import gopls_install
from tests.vm import rootfs
from tests.vm.archive import unanswered
from tests.vm.cache import kept
from tests.vm.paths import ROOT
from tests.vm.run import run

SUITE = "bookworm"
CI_USER = "runner"
IMAGE_SIZE = "4G"  # sparse

_PACKAGES = Path(__file__).parent / "packages.txt"
_VAGRANT = ROOT / "vagrant"
_MADE_BY_PROVISION = (".venv", ".cache")


def image() -> Path:
    """The image, made now if there is none of this kind (some minutes)."""
    return kept("images", f"{_digest(image_is_made_from())}.ext4", _make)


def image_is_made_from() -> tuple[Path, ...]:
    """The files that make the image another one when they change."""
    return (
        Path(__file__),
        Path(rootfs.__file__),
        _PACKAGES,
        _VAGRANT / "provision.sh",
        *sorted((_VAGRANT / "units").iterdir()),
        ROOT / "scripts" / "apt-install",
        ROOT / "scripts" / "as-root",
        ROOT / "scripts" / "setup",
        ROOT / "scripts" / "dev-requirements.txt",
        ROOT / "scripts" / "requirements.txt",
        ROOT / "pyproject.toml",
        Path(gopls_install.__file__),
    )


def _digest(paths: Iterable[Path]) -> str:
    whole = hashlib.sha256()
    for path in paths:
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()[:16]


def _make(path: Path) -> None:
    base = kept("bases", _digest([_PACKAGES]), _make_base)
    root = path.parent / "root"
    run(["cp", "--archive", base, root])
    _provision(root)
    run(["truncate", "--size", IMAGE_SIZE, path])
    run(["mkfs.ext4", "-q", "-F", "-L", "root", "-d", root, path])


def _make_base(folder: Path) -> None:
    """Debian with the packages, as a folder."""
    rootfs.debootstrap(folder, SUITE, _PACKAGES.read_text().split())


def _add_user(root: Path) -> None:
    """The user of a CI runner as GitHub has it: with all of root's rights by sudo."""
    argv, environment = rootfs.inside(
        root, SUITE, ["useradd", "--create-home", "--shell", "/bin/bash", CI_USER]
    )
    run(argv, env=environment)
    sudoers = root / "etc/sudoers.d" / CI_USER
    sudoers.write_text(f"{CI_USER} ALL=(ALL) NOPASSWD: ALL\n", encoding="ascii")
    sudoers.chmod(0o440)


def _provision(root: Path) -> None:
    """Run vagrant/provision.sh in the new root, as Vagrant does in its own machine."""
    home = root / "opt/ebpftrace"
    rootfs.copy_tree(home)
    rootfs.reach_archives(root, SUITE)
    argv, environment = rootfs.inside(root, SUITE, ["/opt/ebpftrace/vagrant/provision.sh"])
    with unanswered():
        run(argv, env=environment)
    _add_user(root)
    # The tree comes anew with every run; what was made of it stays.
    for entry in home.iterdir():
        if entry.name not in _MADE_BY_PROVISION:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for needless in ("root/go", "root/.cache", "var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(root / needless, ignore_errors=True)
    (root / "etc/hostname").write_text("ebpftrace-vm\n")
