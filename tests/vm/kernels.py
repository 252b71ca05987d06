"""Debian's cloud kernels: fetched and unpacked, never installed."""

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.vm.archive import Suite
from tests.vm.cache import kept
from tests.vm.run import VmError, run

SUITES = {
    "5.10": "bullseye-security",
    "6.1": "bookworm-security",
    "6.12": "bookworm-backports",
    "7.3": "trixie-backports",
}
"""Kernel series and the suite whose newest kernel it is."""

_META = "linux-image-cloud-amd64"
_PARTS = re.compile(r"linux-(image|binary|modules|base)-\d[^:]*")


@dataclass(frozen=True, slots=True)
class Kernel:
    """An unpacked kernel: `release` is what uname -r says in the guest."""

    series: str
    release: str
    folder: Path

    @property
    def image(self) -> Path:
        """The bzImage: in /boot, or with the modules since Debian's 7.x."""
        old = self.folder / "boot" / f"vmlinuz-{self.release}"
        return old if old.exists() else self.modules / "vmlinuz"

    @property
    def modules(self) -> Path:
        """lib/modules/<release>."""
        return _modules(self.folder) / self.release


def fetch(series: str) -> Kernel:
    """The newest kernel of a series that the archive had when it was first asked for."""
    if series not in SUITES:
        raise VmError(f"there is no kernel {series} here; these are: {', '.join(SUITES)}")
    folder = kept("kernels", series, partial(_unpack, series), most=len(SUITES))
    return Kernel(series, (folder / "release").read_text(), folder)


def _unpack(series: str, folder: Path) -> None:
    suite = Suite(SUITES[series])
    suite.update()
    waiting = [name for name in suite.depends(_META) if _PARTS.fullmatch(name)]
    seen: set[str] = set()
    while waiting:
        package = waiting.pop()
        seen.add(package)
        deb = suite.download(package, folder)
        run(["dpkg-deb", "-x", deb, folder])
        deb.unlink()
        # From 7.x on an image is split into binary, modules and base.
        waiting += [
            name
            for name in suite.depends(package)
            if _PARTS.fullmatch(name) and name not in seen
        ]
    (release,) = (path.name for path in _modules(folder).iterdir())
    (folder / "release").write_text(release)


def _modules(folder: Path) -> Path:
    for lib in ("lib", "usr/lib"):
        if (found := folder / lib / "modules").is_dir():
            return found
    raise VmError(f"what was unpacked to {folder} is no kernel")
