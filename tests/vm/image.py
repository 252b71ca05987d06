"""The guest's root file system: a bare Debian, then vagrant/provision.sh.

packages.txt has what a Debian that boots has anyhow, the rivals of bench/rivals, and a Ruby
for the Vagrantfile; all else, gopls as well, is for the script to get, as it does in Vagrant.

Made once for each list of packages and each provision.sh (with what it installs), and
opened by QEMU as a snapshot, so that every run starts from the same bytes.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from tests.support import gopls_install
from tests.vm import tree
from tests.vm.archive import mirror, unanswered
from tests.vm.cache import kept
from tests.vm.paths import ROOT
from tests.vm.run import run

SUITE = "bookworm"
IMAGE_SIZE = "4G"  # sparse

_PACKAGES = Path(__file__).parent / "packages.txt"
_VAGRANT = ROOT / "vagrant"
_MADE_BY_PROVISION = (".venv", ".cache")
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# Whatever is mounted on the way is gone with the last process, however that ends.
_ALONE = ("unshare", "--mount")
# FOLDER ROOT COMMAND…: the folder is that of a mirror that is one, or empty.
_INSIDE = """\
folder=$1 root=$2
mount -t proc proc "$root/proc"
[ -z "$folder" ] || { mkdir -p "$root$folder"; mount --bind "$folder" "$root$folder"; }
shift
exec chroot "$@"
"""


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
        ROOT / "scripts" / "apt-install",
        ROOT / "scripts" / "as-root",
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
    with unanswered():
        run([*_ALONE, "debootstrap", *options, SUITE, folder, mirror(SUITE)])
    for archive in (folder / "var/cache/apt/archives").glob("*.deb"):
        archive.unlink()


def _provision(root: Path) -> None:
    """Run vagrant/provision.sh in the new root, as Vagrant does in its own machine."""
    home = root / "opt/ebpftrace"
    for file in tree.files():
        there = home / file.relative_to(ROOT)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, there)
    archive = mirror(SUITE)
    (root / "etc/apt/sources.list").write_text(f"deb {archive} {SUITE} main\n")
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    _trust_as_the_host_does(root)
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
    folder = urlsplit(archive).path if archive.startswith("file:") else ""
    script = "/opt/ebpftrace/vagrant/provision.sh"
    with unanswered():
        run([*_ALONE, "sh", "-ec", _INSIDE, "sh", folder, root, script], env=environment)
    # The tree comes anew with every run; what was made of it stays.
    for entry in home.iterdir():
        if entry.name not in _MADE_BY_PROVISION:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for needless in ("root/go", "root/.cache", "var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(root / needless, ignore_errors=True)
    (root / "etc/hostname").write_text("ebpftrace-vm\n")


def _trust_as_the_host_does(root: Path) -> None:
    """For all that fetches over TLS: at once, and when ca-certificates is installed."""
    if not _CERTIFICATES.exists():
        return
    local = Path("/usr/local/share/ca-certificates/host.crt")
    for name in (_CERTIFICATES, local):
        # Readable whatever our umask: apt fetches as a user of its own.
        run(["install", "-D", "--mode=644", _CERTIFICATES, root / name.relative_to("/")])
