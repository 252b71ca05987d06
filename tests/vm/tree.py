"""The working tree into the guest, and the results out of it, each as a tar on a disk."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from tests.vm.paths import ROOT
from tests.vm.run import run

RESULT_BYTES = 256 << 20


def files() -> list[Path]:
    """Every file of the working tree that git knows or would add, and that is there."""
    listed = run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT
    )
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).exists()]


def pack(path: Path, extra: Mapping[str, str]) -> None:
    """Write the tree and some more files (name to text) as a tar, for a raw disk."""
    with tarfile.open(path, "w") as tar:
        for file in files():
            tar.add(file, file.relative_to(ROOT), recursive=False, filter=_of_root)
        for name, text in extra.items():
            data = text.encode()
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))


def result_disk(path: Path) -> None:
    """An empty disk for what the guest sends back."""
    with path.open("wb") as disk:
        disk.truncate(RESULT_BYTES)


def unpack_results(disk: Path, folder: Path) -> bool:
    """Whether the guest sent its results; they are then in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with disk.open("rb") as file:
        if not file.read(512).strip(b"\0"):
            return False
    run(["tar", "-C", folder, "-xf", disk])
    return True


def _of_root(info: tarfile.TarInfo) -> tarfile.TarInfo:
    # As git has it, whatever the umask of the clone was: not only root reads it inside.
    info.mode = 0o755 if info.mode & 0o100 else 0o644
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    return info
