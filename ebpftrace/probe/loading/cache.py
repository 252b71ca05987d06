"""What was compiled once is not compiled again: two thirds of the time a start takes.

Kept in EBPFTRACE_CACHE_DIR, else by root in /var/cache/ebpftrace and by others in their
cache folder. A file begins with all that went into it: which compiler, the constants (the
kernel's layout among them) and the C; only if that is the same to the byte, it is used. A
file that others could have written is not looked at. Where nothing can be written, every
start compiles.
"""

import contextlib
import importlib.util
import os
import stat
import zlib
from pathlib import Path

from ebpftrace.probe.loading.compiler import compile_programs, source_folder
from ebpftrace.probe.loading.objects import Objects

_KEPT = 16  # files: a few kernels, each with a few choices of options
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def cached_programs(flags: tuple[str, ...], folder: Path | None = None) -> Objects:
    """The programs compiled with these `-D` flags, from `folder` if they are there.

    Raises what `compile_programs` does; bcc has to be there either way.
    """
    ingredients = _ingredients(flags)
    if ingredients is None:
        return compile_programs(flags)  # which says what is wrong with bcc
    # The name need not be unique, so hashlib and its 3 MB of libcrypto are not needed.
    path = (folder or default_folder()) / f"{zlib.crc32(ingredients):08x}.objects"
    objects = _read(path, ingredients)
    if objects is None:
        objects = compile_programs(flags)
        with contextlib.suppress(OSError):  # read-only, or full: the next start compiles
            _write(path, ingredients + objects.to_bytes())
    return objects


def default_folder() -> Path:
    """Where compiled programs are kept for this user."""
    if wanted := os.environ.get("EBPFTRACE_CACHE_DIR"):
        return Path(wanted)
    if os.geteuid() == 0:
        return Path("/var/cache/ebpftrace")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ebpftrace"


def _ingredients(flags: tuple[str, ...]) -> bytes | None:
    """All that decides what these flags compile to; None where bcc is not as it should be."""
    compiler = importlib.util.find_spec("bcc")  # finding it is quick, importing it is not
    if compiler is None or compiler.origin is None:
        return None
    library = Path(compiler.origin).with_name("libbcc.py")
    if not library.exists():
        return None
    folder = source_folder()
    sources = sorted((*folder.rglob("*.h"), *folder.rglob("*.c")))
    parts = [f"{library} {library.stat().st_mtime_ns}".encode(), " ".join(flags).encode()]
    parts += (source.read_bytes() for source in sources)
    return b"\0".join((*parts, b""))


def _read(path: Path, ingredients: bytes) -> Objects | None:
    try:
        if not (_ours(path.parent.lstat()) and _ours(path.lstat())):
            return None
        data = path.read_bytes()
        if not data.startswith(ingredients):
            return None
        return Objects.from_bytes(data[len(ingredients) :])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not there, or not whole


def _ours(status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and not status.st_mode & _OTHERS_MAY_WRITE


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _ours(path.parent.lstat()):
        return
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_bytes(data)
    fresh.rename(path)
    kept = sorted(path.parent.glob("*.objects"), key=lambda file: file.stat().st_mtime_ns)
    for old in kept[:-_KEPT]:
        old.unlink()
