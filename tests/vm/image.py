"""The guest's root file system: Debian's packages, then vagrant/provision.sh.

Made once for each list of packages and each provision.sh (with what it installs), and
opened by QEMU as a snapshot, so that every run starts from the same bytes.
"""

import hashlib
import os
import shutil
from pathlib import Path

from tests.vm import tree
from tests.vm.archive import mirror
from tests.vm.paths import CACHE, ROOT
from tests.vm.run import run

SUITE = "bookworm"
IMAGE_SIZE = "4G"  # sparse

_PACKAGES = Path(__file__).parent / "packages.txt"
_MADE_FROM = (
    _PACKAGES,
    ROOT / "vagrant" / "provision.sh",
    ROOT / "scripts" / "setup",
    ROOT / "scripts" / "constraints.txt",
    ROOT / "pyproject.toml",
)
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def image() -> Path:
    """The image, made now if there is none of this kind (some minutes)."""
    digest = hashlib.sha256()
    for path in _MADE_FROM:
        digest.update(path.read_bytes())
    made = CACHE / f"root-{digest.hexdigest()[:16]}.ext4"
    if not made.exists():
        for old in CACHE.glob("root-*.ext4"):
            old.unlink()
        _make(made)
    return made


def _make(image_path: Path) -> None:
    root = image_path.with_suffix(".root")
    shutil.rmtree(root, ignore_errors=True)
    run(["cp", "--archive", _base(), root])
    _provision(root)
    fresh = image_path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    run(["truncate", "--size", IMAGE_SIZE, fresh])
    run(["mkfs.ext4", "-q", "-F", "-L", "root", "-d", root, fresh])
    fresh.rename(image_path)
    shutil.rmtree(root)


def _base() -> Path:
    """Debian with the packages, as a folder, made once for each list of them."""
    packages = _PACKAGES.read_text().split()
    digest = hashlib.sha256(_PACKAGES.read_bytes()).hexdigest()[:16]
    folder = CACHE / f"base-{digest}"
    if folder.exists():
        return folder
    for old in CACHE.glob("base-*"):
        shutil.rmtree(old)
    fresh = folder.with_suffix(".new")
    include = f"--include={','.join(packages)}"
    run(["debootstrap", "--variant=minbase", include, SUITE, fresh, mirror(SUITE)])
    for archive in (fresh / "var/cache/apt/archives").glob("*.deb"):
        archive.unlink()
    fresh.rename(folder)
    return folder


def _provision(root: Path) -> None:
    """Run vagrant/provision.sh in the new root, as Vagrant does in its own machine."""
    home = root / "opt/ebpftrace"
    for file in tree.files():
        there = home / file.relative_to(ROOT)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, there)
    certificates = root / _CERTIFICATES.relative_to("/")
    if _CERTIFICATES.exists():  # the guest trusts who the host trusts
        shutil.copy(_CERTIFICATES, certificates)
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "PIP_CERT": str(_CERTIFICATES),
        **{name: value for name, value in os.environ.items() if name.endswith("_proxy")},
    }
    run(["chroot", root, "/opt/ebpftrace/vagrant/provision.sh"], env=environment)
    # The tree comes anew with every run; what was made of it stays.
    for entry in home.iterdir():
        if entry.name == ".venv":
            continue
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    (root / "etc/hostname").write_text("ebpftrace-vm\n")
