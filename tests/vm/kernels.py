"""Debian's kernels: fetched and unpacked, never installed."""

import re
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.vm.archive import GoneError, Suite
from tests.vm.cache import kept
from tests.vm.flavours import CLOUD, Flavour
from tests.vm.paths import CACHE
from tests.vm.run import VmError, run

SUITES = (
    "bullseye-security",
    "bookworm-security",
    "bookworm-backports",
    "trixie-security",
    "sid",
    "trixie-backports",
)
"""Debian's suites that have a kernel of their own: what is stable, was, or is to be, with
backports and security. Of two that have one series, the later
here is asked: 6.12 is the stable kernel of trixie, not its backport."""

_IMAGE = re.compile(r"linux-image-((\d+\.\d+)\.\S+)")
_PARTS = re.compile(r"linux-(image|binary|modules|base)-\d[^:]*")
_KEPT = 10


@dataclass(frozen=True, slots=True)
class Offer:
    """A kernel that a suite of the archive has, by its series, e.g. 6.12, and release."""

    series: str
    release: str
    suite: str
    flavour: Flavour = CLOUD


@dataclass(frozen=True, slots=True)
class Kernel:
    """An unpacked kernel: `release` is what uname -r says in the guest."""

    series: str
    release: str
    folder: Path
    flavour: Flavour = CLOUD

    @property
    def name(self) -> str:
        """What its results are kept by."""
        return self.series if self.flavour is CLOUD else f"{self.series}-{self.flavour.name}"

    @property
    def image(self) -> Path:
        """The bzImage: in /boot, or with the modules since Debian's 7.x."""
        old = self.folder / "boot" / f"vmlinuz-{self.release}"
        return old if old.exists() else self.modules / "vmlinuz"

    @property
    def modules(self) -> Path:
        """lib/modules/<release>."""
        return _modules(self.folder) / self.release


def offers(flavour: Flavour = CLOUD) -> dict[str, Offer]:
    """The newest kernel of every series that the archive has now, the oldest series first.

    A suite that is gone is left out, and that is said. UnavailableError where the archive does
    not answer: a matrix without one of its kernels is none.
    """
    found: dict[str, Offer] = {}
    for name in SUITES:
        suite = Suite(name, flavour.architecture)
        try:
            suite.update()
            packages = suite.depends(f"linux-image-{flavour.name}")
        except GoneError as error:
            print(f"vm: left out: {error}", file=sys.stderr, flush=True)
            continue
        for package in packages:
            if match := _IMAGE.fullmatch(package):
                found[match[2]] = Offer(match[2], match[1], name, flavour)
    if not found:
        raise VmError(f"none of these has a kernel: {', '.join(SUITES)}")
    return {series: found[series] for series in sorted(found, key=in_order)}


def in_order(series: str) -> tuple[int, ...]:
    """What to sort series by: 6.12 is after 6.1."""
    return tuple(map(int, series.split(".")))


def fetch(series: str, flavour: Flavour = CLOUD) -> Kernel:
    """The kernel of a series: the one used last of those that are kept, else the archive's
    newest.

    VmError where the archive has none of it.
    """
    there = (CACHE / "kernels").glob(f"{series}.*-{flavour.name}")
    used = sorted(there, key=lambda folder: folder.stat().st_mtime)
    if used:
        return Kernel(series, used[-1].name, used[-1], flavour)
    found = offers(flavour)
    if series not in found:
        raise VmError(
            f"Debian has no {flavour.name} kernel {series} now; it has {', '.join(found)}"
        )
    return take(found[series])


def take(offer: Offer) -> Kernel:
    """That very kernel, from the archive if it is not kept."""
    folder = kept("kernels", offer.release, partial(_unpack, offer), most=_KEPT)
    return Kernel(offer.series, offer.release, folder, offer.flavour)


def _unpack(offer: Offer, folder: Path) -> None:
    suite = Suite(offer.suite, offer.flavour.architecture)
    suite.update()
    waiting = [f"linux-image-{offer.release}"]
    seen: set[str] = set()
    while waiting:
        package = waiting.pop()
        seen.add(package)
        deb = suite.download(package, folder)
        run(["dpkg-deb", "-x", deb, folder])
        deb.unlink()
        # From 7.x on an image is split into binary, modules and base.
        waiting += [
            found
            for found in suite.depends(package)
            if _PARTS.fullmatch(found) and found not in seen
        ]
    (unpacked,) = (path.name for path in _modules(folder).iterdir())
    if unpacked != offer.release:
        raise VmError(f"linux-image-{offer.release} has the modules of {unpacked}")


def _modules(folder: Path) -> Path:
    for lib in ("lib", "usr/lib"):
        if (found := folder / lib / "modules").is_dir():
            return found
    raise VmError(f"what was unpacked to {folder} is no kernel")
