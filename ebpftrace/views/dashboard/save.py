"""Saves a frame in a folder without overwriting a file."""

import os
import time
from pathlib import Path

from ebpftrace.trusted.exports import require_export_folder
from ebpftrace.units import NS_PER_SECOND

_MAX_NUMBER = 100


def save(folder: Path, time_ns: int, texts: dict[str, str]) -> list[Path]:
    """Write each text under the same new name with its suffix (`{"svg": …}`).

    The name has the time in UTC, and a number if that name is taken. Links are not
    followed. OSError if it cannot be written; UntrustedError if this is root, and another
    user could replace the folder.
    """
    require_export_folder("the frame saved in", folder)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time_ns // NS_PER_SECOND))
    for number in range(_MAX_NUMBER):
        name = f"ebpftrace-{stamp}" + (f"-{number}" if number else "")
        paths = {suffix: folder / f"{name}.{suffix}" for suffix in texts}
        if any(os.path.lexists(path) for path in paths.values()):
            continue
        for suffix, path in paths.items():
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(path, flags, 0o644), "w", encoding="utf-8") as file:
                file.write(texts[suffix])
        return list(paths.values())
    raise FileExistsError(f"there are {_MAX_NUMBER} saved frames of this second already")
