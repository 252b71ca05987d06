"""The first file system: busybox, the modules of the virtual disks, and guest/init."""

import gzip
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.vm import modules
from tests.vm.archive import Suite
from tests.vm.cache import kept
from tests.vm.flavours import AMD64, Architecture
from tests.vm.kernels import Kernel
from tests.vm.paths import GUEST
from tests.vm.run import run

_APPLETS = ("sh", "insmod", "mount", "mkdir", "tar", "switch_root", "ln", "cp", "echo", "sleep")


def make(kernel: Kernel, path: Path) -> None:
    """Write the archive for a kernel; 1-2 MB."""
    entries: list[tuple[str, int, bytes]] = [
        (folder, 0o040755, b"") for folder in ("bin", "dev", "proc", "sys", "root", "modules")
    ]
    entries.append(
        ("bin/busybox", 0o100755, _busybox(kernel.flavour.architecture).read_bytes())
    )
    entries += [(f"bin/{name}", 0o120777, b"busybox") for name in _APPLETS]
    entries += [
        (f"modules/{number:02d}.ko", 0o100644, data)
        for number, data in enumerate(modules.needed(kernel.modules))
    ]
    entries.append(("init", 0o100755, (GUEST / "init").read_bytes()))
    with gzip.open(path, "wb", compresslevel=1) as file:
        for part in _newc(entries):
            file.write(part)


def _busybox(architecture: Architecture) -> Path:
    """busybox-static, from the stable suite; kept."""
    name = "busybox" if architecture is AMD64 else f"busybox-{architecture.debian}"
    return kept("tools", name, partial(_fetch_busybox, architecture)) / "bin" / "busybox"


def _fetch_busybox(architecture: Architecture, folder: Path) -> None:
    suite = Suite("bookworm", architecture)
    suite.update()
    run(["dpkg-deb", "-x", suite.download("busybox-static", folder), folder])


def _newc(entries: list[tuple[str, int, bytes]]) -> Iterator[bytes]:
    """cpio's "new ASCII" format (Documentation/driver-api/early-userspace/buffer-format)."""
    for number, (name, mode, data) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        path = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + path
        yield head + bytes(-len(head) % 4)
        yield data + bytes(-len(data) % 4)
