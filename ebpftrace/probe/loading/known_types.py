"""What was asked of the kernel's types, kept beside the compiled programs.

Decoding them takes a tenth of a second and 30 MB; a watch asks some hundred questions, which
have the same answers as long as the types are the same. They are the same if the kernel's
names, the length of its types and its build id are, which the linker computes from all of the
kernel, types included. A kernel without one is known by the checksum of its types, which takes
a few milliseconds to read.
"""

import contextlib
import json
import os
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ebpftrace.errors import UntrustedError
from ebpftrace.probe.loading.cache import default_folder, read_kept, write_kept

if TYPE_CHECKING:
    from ebpftrace.probe.loading.btf import Btf

BTF_PATH = Path("/sys/kernel/btf/vmlinux")
_NOTES = Path("/sys/kernel/notes")

_BUILD_ID = struct.pack("=I", 3) + b"GNU\0"
"""The type and the name of the ELF note that has the build id (NT_GNU_BUILD_ID)."""

_CHUNK_BYTES = 1 << 18


class KernelTypes(Protocol):
    """Types by name, see `Btf`. A name that the kernel does not have raises KeyError."""

    def offset(self, path: str) -> int: ...
    def size(self, name: str) -> int: ...
    def has(self, path: str) -> bool: ...
    def field_type(self, path: str) -> str: ...
    def enumerators(self, enum: str) -> dict[str, int]: ...
    def tracepoint_args(self, name: str) -> list[str] | None: ...
    def function_id(self, name: str) -> int: ...
    def struct_id(self, name: str) -> int: ...


class KnownTypes:
    """`KernelTypes` that are decoded only for a question that was never asked before.

    `keep` writes new answers to `folder`, that of the compiled programs. NoBtfError, also
    later, if the kernel does not publish its types.
    """

    def __init__(
        self, folder: Path | None = None, file: Path = BTF_PATH, notes: Path = _NOTES
    ) -> None:
        self._file = file
        self._identity = _identity(file, notes)
        name = f"{zlib.crc32(self._identity):08x}.types"
        self._kept = (folder or default_folder()) / name
        self._answers = self._read()
        self._known = len(self._answers)
        self._btf: Btf | None = None

    def offset(self, path: str) -> int:
        return int(self._ask("offset", path))

    def size(self, name: str) -> int:
        return int(self._ask("size", name))

    def has(self, path: str) -> bool:
        return bool(self._ask("has", path))

    def field_type(self, path: str) -> str:
        return str(self._ask("field_type", path))

    def enumerators(self, enum: str) -> dict[str, int]:
        values: dict[str, int] = self._ask("enumerators", enum)
        return values

    def tracepoint_args(self, name: str) -> list[str] | None:
        types: list[str] | None = self._ask("tracepoint_args", name)
        return types

    def function_id(self, name: str) -> int:
        return int(self._ask("function_id", name))

    def struct_id(self, name: str) -> int:
        return int(self._ask("struct_id", name))

    def keep(self) -> None:
        """Write the answers, if there are new ones and the folder can be written."""
        if len(self._answers) == self._known:
            return
        with contextlib.suppress(UntrustedError, OSError):
            write_kept(self._kept, self._identity + json.dumps(self._answers).encode())
        self._known = len(self._answers)

    def _ask(self, method: str, name: str) -> Any:
        question = f"{method} {name}"
        if question not in self._answers:
            try:
                self._answers[question] = [getattr(self._decoded(), method)(name)]
            except KeyError as missing:
                self._answers[question] = [None, str(missing.args[0])]
        answer, *missed = self._answers[question]
        if missed:
            raise KeyError(*missed)
        return answer

    def _decoded(self) -> "Btf":
        if self._btf is None:
            from ebpftrace.probe.loading.btf import Btf

            self._btf = Btf.of_kernel(self._file)
        return self._btf

    def _read(self) -> dict[str, list[Any]]:
        kept = read_kept(self._kept, self._identity)
        try:
            answers = {} if kept is None else json.loads(kept)
        except ValueError:
            return {}  # incomplete
        return answers if isinstance(answers, dict) else {}


def _identity(file: Path, notes: Path) -> bytes:
    """What the answers depend on. An OSError is reported later: the types are not read yet."""
    build = b""
    length = 0
    with contextlib.suppress(OSError):
        length = file.stat().st_size
        build = notes.read_bytes()
    if _BUILD_ID not in build:
        build = b"%d" % _checksum(file)
    return b"%s %d %s\0" % (" ".join(os.uname()).encode(), length, build.hex().encode())


def _checksum(file: Path) -> int:
    checksum = 0
    with contextlib.suppress(OSError), file.open("rb", buffering=0) as types:
        while chunk := types.read(_CHUNK_BYTES):
            checksum = zlib.crc32(chunk, checksum)
    return checksum
