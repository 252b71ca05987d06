"""Kernel modules as a guest's initrd needs them: plain, and each after what it needs."""

import gzip
import lzma
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

NEEDED = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")
"""What a guest must have before it sees its disks; most kernels have ext4 built in.

ext4 asks for crc32c by what it does, not as a module that it depends on.
"""

_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


def needed(folder: Path) -> Iterator[bytes]:
    """The modules of `NEEDED` below lib/modules/<release>, in the order of insmod."""
    files = {_name(path): path for path in folder.rglob("*.ko*")}
    loaded: set[str] = set()
    for name in NEEDED:
        yield from _with_what_it_needs(name, files, loaded)


def _with_what_it_needs(name: str, files: dict[str, Path], loaded: set[str]) -> Iterator[bytes]:
    if name in loaded or name not in files:
        return  # there already, or built into the kernel
    loaded.add(name)
    module = _plain(files[name])
    depends = _DEPENDS.search(module)
    for other in depends[1].decode().split(",") if depends else ():
        yield from _with_what_it_needs(other.replace("-", "_"), files, loaded)
    yield module


def _name(path: Path) -> str:
    return path.name.partition(".ko")[0].replace("-", "_")


def _plain(module: Path) -> bytes:
    """busybox's insmod does not decompress."""
    data = module.read_bytes()
    if module.suffix == ".xz":
        return lzma.decompress(data)
    if module.suffix == ".gz":
        return gzip.decompress(data)
    if module.suffix == ".zst":
        return subprocess.run(["zstd", "-dc", module], capture_output=True, check=True).stdout
    return data
