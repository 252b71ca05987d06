"""A Debian in a directory: made by debootstrap, and entered with chroot."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tests.vm import tree
from tests.vm.archive import mirror, unanswered
from tests.vm.flavours import Architecture
from tests.vm.paths import ROOT
from tests.vm.run import run

_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# Every mount made inside is gone with the last process of this namespace.
_ALONE = ("unshare", "--mount")
# MIRROR KERNEL ROOT COMMAND…: the directory of a mirror that is one, or empty; `kernel` to
# show the machine's /sys and /dev, which BPF and memory cgroups need.
_INSIDE = """\
mirror=$1 kernel=$2 root=$3
mount -t proc proc "$root/proc"
[ -z "$mirror" ] || { mkdir -p "$root$mirror"; mount --bind "$mirror" "$root$mirror"; }
if [ -n "$kernel" ]; then
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/tmp"
fi
shift 2
exec chroot "$@"
"""
# dpkg-deb -x would put a directory in place of the link /lib.
_UNPACK = 'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"'


def debootstrap(folder: Path, suite: str, packages: Sequence[str]) -> None:
    """A minimal Debian with these packages besides, without apt's archives."""
    include = f"--include={','.join(packages)}"
    with unanswered():
        run(
            [*_ALONE, "debootstrap", "--variant=minbase", include, suite, folder, mirror(suite)]
        )
    for archive in (folder / "var/cache/apt/archives").glob("*.deb"):
        archive.unlink()


def unpack(
    folder: Path, suite: str, packages: Sequence[str], architecture: Architecture
) -> None:
    """The files of a minimal Debian with these packages besides, of which none is configured.

    For an architecture whose programs cannot run here.
    """
    with unanswered():
        run(
            [
                "debootstrap", f"--arch={architecture.debian}", "--download-only",
                "--variant=minbase", f"--include={','.join(packages)}", suite, folder,
                mirror(suite),
            ]
        )  # fmt: skip
    for name in ("bin", "lib", "sbin"):
        (folder / "usr" / name).mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(f"usr/{name}")
    for archive in (folder / "var/cache/apt/archives").glob("*.deb"):
        run(["sh", "-ec", _UNPACK, "sh", archive, folder])
        archive.unlink()
    shutil.rmtree(folder / "debootstrap")


def copy_tree(home: Path) -> None:
    """The files of this working tree, below `home`."""
    for file in tree.files():
        there = home / file.relative_to(ROOT)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, there)


def reach_archives(root: Path, suite: str) -> None:
    """Let apt and pip inside reach the archives that this machine reaches."""
    (root / "etc/apt/sources.list").write_text(f"deb {mirror(suite)} {suite} main\n")
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    if not _CERTIFICATES.exists():
        return
    local = Path("/usr/local/share/ca-certificates/host.crt")
    for name in (_CERTIFICATES, local):  # now, and once ca-certificates is installed
        # Readable whatever our umask: apt fetches as a user of its own.
        run(["install", "-D", "--mode=644", _CERTIFICATES, root / name.relative_to("/")])


def inside(
    root: Path, suite: str, command: Sequence[str], *, kernel: bool = False
) -> tuple[list[str], dict[str, str]]:
    """The arguments and environment that run a command there as root.

    With `kernel` it sees this machine's /sys and /dev.
    """
    archive = mirror(suite)
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
    script = [*_ALONE, "sh", "-ec", _INSIDE, "sh", folder, "kernel" if kernel else ""]
    return [*script, str(root), *command], environment
