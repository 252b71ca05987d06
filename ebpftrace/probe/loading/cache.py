"""Caches compiled programs: compiling takes two thirds of the time of a start.

The folder is EBPFTRACE_CACHE_DIR, else /var/cache/ebpftrace for root and the user's cache
folder for others. A file begins with everything that determines its contents: the compiler,
the constants (with the kernel's layout) and the C. It is used only if that is the same to
the byte, and only if no other user could have written it. If the folder is not writable,
every start compiles.
"""

import contextlib
import importlib.util
import os
import zlib
from collections.abc import Callable
from pathlib import Path

from ebpftrace.errors import NotPermittedError, UntrustedError
from ebpftrace.probe.loading.compiler import compile_programs
from ebpftrace.probe.loading.objects import Objects
from ebpftrace.probe.loading.sources import source_folder
from ebpftrace.trusted import TrustedFolder

_MAX_FILES = 16  # a few kernels, each with a few combinations of options


def cached_programs(
    flags: tuple[str, ...],
    folder: Path | None = None,
    *,
    compiler: Callable[[tuple[str, ...]], Objects] | None = None,
    must_keep: bool = False,
) -> Objects:
    """The programs compiled with these `-D` flags, from the cache if they are in it.

    Raises what `compiler` does, by default `compile_programs`; bcc must be installed in
    either case. With `must_keep` it is an error if the cache cannot be written, or another
    user could.
    """
    compile_with = compiler or compile_programs
    ingredients = _ingredients(flags)
    if ingredients is None:
        return compile_with(flags)  # raises the error about bcc
    # The name need not be unique, so crc32 does, without hashlib's 3 MB of libcrypto.
    path = (folder or default_folder()) / f"{zlib.crc32(ingredients):08x}.objects"
    objects = _read(path, ingredients)
    if objects is None:
        objects = compile_with(flags)
        # Read-only, full, or another user's: the next start compiles.
        ignored = (UntrustedError,) if must_keep else (UntrustedError, OSError)
        with contextlib.suppress(*ignored):
            write_kept(path, ingredients + objects.to_bytes())
    if must_keep and _read(path, ingredients) is None:
        raise NotPermittedError(
            f"the compiled programs would not be used from {path.parent}",
            why=_reason(path),
            fix=f"chown and chmod go-w {path.parent}, or use another: EBPFTRACE_CACHE_DIR",
        )
    return objects


def _reason(path: Path) -> str:
    """Why a file that was written cannot be used."""
    try:
        with _open_folder(path.parent) as folder:
            os.close(folder.open_file(path.name, os.O_RDONLY))
    except UntrustedError as error:
        return error.why
    except OSError as error:
        return error.strerror or str(error)
    return "it was changed meanwhile"


def default_folder() -> Path:
    """Where compiled programs are cached for this user."""
    if wanted := os.environ.get("EBPFTRACE_CACHE_DIR"):
        return Path(wanted)
    if os.geteuid() == 0:
        return Path("/var/cache/ebpftrace")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ebpftrace"


def _ingredients(flags: tuple[str, ...]) -> bytes | None:
    """Everything that determines the compiled programs; None if bcc is not usable."""
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
    data = read_kept(path, ingredients)
    try:
        return None if data is None else Objects.from_bytes(data)
    except (ValueError, KeyError, TypeError):
        return None  # incomplete


def read_kept(path: Path, ingredients: bytes) -> bytes | None:
    """What follows the ingredients in this file; None if it has others, or is missing, or if
    another user could have written it."""
    try:
        with (
            _open_folder(path.parent) as folder,
            os.fdopen(folder.open_file(path.name, os.O_RDONLY), "rb") as file,
        ):
            data = file.read()
    except (UntrustedError, OSError):
        return None
    return data[len(ingredients) :] if data.startswith(ingredients) else None


def _open_folder(folder: Path, *, make: bool = False) -> TrustedFolder:
    return TrustedFolder.open("the compiled programs", folder, make=make)


def write_kept(path: Path, data: bytes) -> None:
    """Replace a file of the cache, and remove the oldest of its kind beyond so many.

    UntrustedError or OSError if it cannot be written.
    """
    with _open_folder(path.parent, make=True) as folder:
        new = f"{path.stem}.{os.getpid()}"
        folder.unlink(new)
        fd = folder.open_file(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
        folder.rename(new, path.name)
        kept = [name for name in folder.names() if name.endswith(path.suffix)]
        kept.sort(key=lambda name: folder.stat(name).st_mtime_ns)
        for old in kept[:-_MAX_FILES]:
            folder.unlink(old)
