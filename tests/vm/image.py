"""The guest's root file system: Debian's packages, then vagrant/provision.sh.

Made once for each list of packages and each provision.sh (with what it installs), and
opened by QEMU as a snapshot, so that every run starts from the same bytes.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from tests.support import gopls_install
from tests.vm import tree
from tests.vm.archive import mirror
from tests.vm.cache import kept
from tests.vm.paths import ROOT
from tests.vm.run import UnavailableError, VmError, run

SUITE = "bookworm"
IMAGE_SIZE = "4G"  # sparse

_PACKAGES = Path(__file__).parent / "packages.txt"
_VAGRANT = ROOT / "vagrant"
_MADE_BY_PROVISION = (".venv", ".cache")
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# Whatever is mounted on the way is gone with the last process, however that ends.
_ALONE = ("unshare", "--mount")


def image() -> Path:
    """The image, made now if there is none of this kind (some minutes)."""
    return kept("images", f"{_digest(image_is_made_from())}.ext4", _make)


def image_is_made_from() -> tuple[Path, ...]:
    """The files that make the image another one when they change."""
    return (
        Path(__file__),
        _PACKAGES,
        _VAGRANT / "provision.sh",
        *sorted((_VAGRANT / "units").iterdir()),
        ROOT / "scripts" / "setup",
        ROOT / "scripts" / "constraints.txt",
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
    include = f"--include={','.join(_PACKAGES.read_text().split())}"
    options = ("--variant=minbase", include)
    try:
        run([*_ALONE, "debootstrap", *options, SUITE, folder, mirror(SUITE)])
    except VmError as error:
        raise UnavailableError(str(error)) from None
    for archive in (folder / "var/cache/apt/archives").glob("*.deb"):
        archive.unlink()


def _provision(root: Path) -> None:
    """Run vagrant/provision.sh in the new root, as Vagrant does in its own machine."""
    home = root / "opt/ebpftrace"
    for file in tree.files():
        there = home / file.relative_to(ROOT)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, there)
    _take_gopls(home)
    if _CERTIFICATES.exists():  # the guest trusts who the host trusts
        shutil.copy(_CERTIFICATES, root / _CERTIFICATES.relative_to("/"))
    passed_on = ("GOPROXY", "GOSUMDB", "PIP_INDEX_URL")
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "PIP_CERT": str(_CERTIFICATES),
        **{
            name: value
            for name, value in os.environ.items()
            if name.lower().endswith("_proxy") or name in passed_on
        },
    }
    script = "/opt/ebpftrace/vagrant/provision.sh"
    run([*_ALONE, "chroot", root, script], env=environment)
    # The tree comes anew with every run; what was made of it stays.
    for entry in home.iterdir():
        if entry.name not in _MADE_BY_PROVISION:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for built in (root / "root/go", root / "root/.cache"):
        shutil.rmtree(built, ignore_errors=True)
    (root / "etc/hostname").write_text("ebpftrace-vm\n")


def _take_gopls(home: Path) -> None:
    """The host's gopls of that version, if it has one: provision.sh builds none then."""
    found = re.search(r"^version=(\S+)$", (_VAGRANT / "provision.sh").read_text(), re.M)
    assert found, "provision.sh names no version"
    try:
        binary = gopls_install.gopls_binary(found[1])
    except gopls_install.GoplsMissingError:
        return
    there = home / ".cache" / "gopls" / found[1] / "gopls"
    there.parent.mkdir(parents=True)
    shutil.copy2(binary, there)
