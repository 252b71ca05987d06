"""What is made once and kept: whole or not at all, and not for ever."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tests.vm.lock import locked
from tests.vm.paths import CACHE


def kept(kind: str, key: str, make: Callable[[Path], None], most: int = 3) -> Path:
    """CACHE/kind/key. `make` writes it to a path in a folder of its own, for its other files
    as well; it is moved into place once it is whole.

    One at a time over all runs; what an interrupted one left behind is removed. Clones of
    different age share the cache: of each kind, the `most` used last are kept.
    """
    path, making = CACHE / kind / key, CACHE / f"{kind}.new"
    with locked(CACHE / f"{kind}.lock", kind):
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            print(f"vm: making {path}", file=sys.stderr, flush=True)
            make(making / key)
            (making / key).rename(path)
            shutil.rmtree(making)
        os.utime(path)
        used = sorted(path.parent.iterdir(), key=lambda entry: entry.stat().st_mtime)
        for old in used[:-most]:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    return path
