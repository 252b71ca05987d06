"""A small Go module for gopls to open, with one large generated file."""

import os
import time
from pathlib import Path

from ebpftrace.units import MIB

GENERATED = "generated.go"
OPENED = "main.go"
_GENERATED_BYTES = 4 * MIB


def write_module(folder: Path) -> None:
    """Write the module into `folder`, which must exist."""
    (folder / "go.mod").write_text("module example.com/demo\n\ngo 1.21\n")
    (folder / OPENED).write_text("package demo\n\nfunc Latest() int { return Revision }\n")
    regenerate(folder, 0)


def regenerate(folder: Path, revision: int) -> None:
    """Replace the generated file by rename, as code generators do.

    gopls caches each file it has read under its inode and modification time, for ever: every
    replacement costs it the file's size. It trusts only times older than 2 s, so the new
    file gets one.
    """
    line = f"// row of revision {revision:06d}, {'x' * 60}\n"
    new = folder / f"{GENERATED}.new"
    with new.open("w") as file:
        file.write("package demo\n\n")
        file.write(line * (_GENERATED_BYTES // len(line)))
        file.write(f"\nconst Revision = {revision}\n")
    written = time.time() - 60
    os.utime(new, (written, written))
    new.rename(folder / GENERATED)
