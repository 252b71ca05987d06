"""A user that puts a link to another folder in the place of its own, and back, without end."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.delegation import running_as_user

_SWAP = """
import ctypes, os, shutil, sys
folder, name, target, forged = sys.argv[1:]
os.chdir(folder)
if forged:
    shutil.copytree(forged, name)
else:
    os.mkdir(name)
link = f"{name}.link"
os.symlink(target, link)
rename = ctypes.CDLL(None, use_errno=True).renameat2
AT_FDCWD, RENAME_EXCHANGE = -100, 2
print("ready", flush=True)
while rename(AT_FDCWD, name.encode(), AT_FDCWD, link.encode(), RENAME_EXCHANGE) == 0:
    pass
"""


@contextmanager
def swapping(
    folder: Path, target: Path, *, name: str = "log", forged: Path | None = None
) -> Iterator[None]:
    """An entry of `folder` is now a folder of the user's, now a link to `target`.

    The other one is beside it, as NAME.link.

    Its own has the files that are in `forged`, which the user must be able to read.
    """
    with running_as_user(["/usr/bin/python3", "-c", _SWAP, folder, name, target, forged or ""]):
        yield
