"""The running kernel's own types, read from /sys/kernel/btf/vmlinux.

A whole kernel has about 150,000 types in 5 MB; only the requested ones are decoded. Format:
the kernel's Documentation/bpf/btf.rst.
"""

import struct
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

from ebpftrace.errors import NoBtfError
from ebpftrace.probe.loading.known_types import BTF_PATH

_MAGIC = 0xEB9F
_INT, _PTR, _ARRAY, _STRUCT, _UNION, _ENUM, _FWD, _TYPEDEF = range(1, 9)
_VOLATILE, _CONST, _RESTRICT, _FUNC, _FUNC_PROTO, _VAR, _DATASEC = range(9, 16)
_FLOAT, _DECL_TAG, _TYPE_TAG, _ENUM64 = range(16, 20)

# Words that follow the three of every type: (fixed, for each of its vlen entries).
_TRAILER = {
    _INT: (1, 0), _ARRAY: (3, 0), _STRUCT: (0, 3), _UNION: (0, 3), _ENUM: (0, 2),
    _FUNC_PROTO: (0, 2), _VAR: (1, 0), _DATASEC: (0, 3), _DECL_TAG: (1, 0), _ENUM64: (0, 3),
}  # fmt: skip

_QUALIFIERS = {_TYPEDEF, _VOLATILE, _CONST, _RESTRICT, _TYPE_TAG}


class Btf:
    """Types by name. A name that the kernel does not have raises KeyError."""

    def __init__(self, data: bytes) -> None:
        """`data` is a whole BTF blob in the machine's byte order; NoBtfError if it is not."""
        try:
            magic, _version, _flags, header_len = struct.unpack_from("=HBBI", data)
            type_off, type_len, str_off, str_len = struct.unpack_from("=4I", data, 8)
        except struct.error as error:
            raise _malformed(str(error)) from None
        if magic != _MAGIC or type_len % 4 or header_len + str_off + str_len > len(data):
            raise _malformed("the header is not BTF's")
        self._words = array("I")
        self._words.frombytes(data[header_len + type_off : header_len + type_off + type_len])
        self._strings = data[header_len + str_off : header_len + str_off + str_len]
        self._at = array("I", [0])  # type id -> its first word; id 0 is void
        self._names = self._index().tobytes()  # four bytes for the name of each type id

    @classmethod
    def of_kernel(cls, path: Path = BTF_PATH) -> "Btf":
        """The running kernel's types. NoBtfError if it does not publish them."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise NoBtfError(
                "the kernel does not publish its types (BTF)",
                why=f"{path}: {error.strerror}",
                fix="use a kernel built with CONFIG_DEBUG_INFO_BTF=y (every current "
                "distribution's is), and mount sysfs in a container",
            ) from None
        if not data:
            raise NoBtfError(
                "the kernel does not publish its types (BTF)",
                why=f"{path} is empty",
                fix="check whether something is mounted over it: grep btf /proc/self/mountinfo",
            )
        return cls(data)

    def offset(self, path: str) -> int:
        """Byte offset of a field: `mm_struct.total_vm`, through unnamed structs as well."""
        name, _, field = path.partition(".")
        return self._member(self.struct_id(name), field)[0]

    def size(self, name: str) -> int:
        """Size of a struct in bytes."""
        return self._words[self._at[self.struct_id(name)] + 2]

    def has(self, path: str) -> bool:
        """Whether the struct, or `struct.field`, exists."""
        try:
            self.offset(path) if "." in path else self.struct_id(path)
        except KeyError:
            return False
        return True

    def field_type(self, path: str) -> str:
        """The struct a field is made of (array elements, not pointers, followed), or ""."""
        name, _, field = path.partition(".")
        kind_id = self._bare(self._member(self.struct_id(name), field)[1])
        while self._kind(kind_id) == _ARRAY:
            kind_id = self._bare(self._words[self._at[kind_id] + 3])
        return self._name(kind_id)

    def enumerators(self, enum: str) -> dict[str, int]:
        """All values of this enum by name."""
        at = self._at[self._find(enum, {_ENUM, _ENUM64})]
        step = 3 if self._words[at + 1] >> 24 & 0x1F == _ENUM64 else 2
        entries = range(at + 3, at + 3 + step * (self._words[at + 1] & 0xFFFF), step)
        return {self._text(self._words[entry]): self._words[entry + 1] for entry in entries}

    def tracepoint_args(self, name: str) -> list[str] | None:
        """Types of a raw tracepoint's arguments as C spells them; None if there is no such one.

        Pointers end in `*`; a struct is named without `struct`.
        """
        try:
            pointer = self._words[self._at[self._find(f"btf_trace_{name}", {_TYPEDEF})] + 2]
        except KeyError:
            return None
        proto = self._words[self._at[pointer] + 2]
        at = self._at[proto]
        count = self._words[at + 1] & 0xFFFF
        types = [self._words[at + 3 + 2 * i + 1] for i in range(count)]
        return [self._spell(kind_id) for kind_id in types[1:]]  # the first belongs to the probe

    def function_id(self, name: str) -> int:
        """Type id of a kernel function, as BPF_PROG_LOAD takes it."""
        return self._find(name, {_FUNC})

    def struct_id(self, name: str) -> int:
        """Type id of a struct."""
        return self._find(name, {_STRUCT})

    def _index(self) -> "array[int]":
        """Finds where each type begins, and where its name is."""
        words, at, total = self._words, 0, len(self._words)
        names, starts = array("I", [0]), self._at
        trailer = _TRAILER.get
        try:
            while at < total:
                info = words[at + 1]
                names.append(words[at])
                starts.append(at)
                fixed, each = trailer(info >> 24 & 0x1F, (0, 0))
                at += 3 + fixed + each * (info & 0xFFFF)
        except IndexError:
            raise _malformed("a type is cut off") from None
        return names

    def _find(self, name: str, kinds: Iterable[int]) -> int:
        wanted = b"\0" + name.encode() + b"\0"
        where = self._strings.find(wanted)
        while where >= 0:
            for kind_id in self._named(where + 1):
                if self._kind(kind_id) in kinds:
                    return kind_id
            where = self._strings.find(wanted, where + 1)
        raise KeyError(name)

    def _named(self, offset: int) -> Iterator[int]:
        """The ids of the types whose name is there. (A table by name would take 15 MB.)"""
        wanted = struct.pack("=I", offset)
        at = self._names.find(wanted)
        while at >= 0:
            if at % 4 == 0:
                yield at // 4
            at = self._names.find(wanted, at + 1)

    def _kind(self, kind_id: int) -> int:
        return self._words[self._at[kind_id] + 1] >> 24 & 0x1F

    def _name(self, kind_id: int) -> str:
        return self._text(self._words[self._at[kind_id]])

    def _text(self, offset: int) -> str:
        return self._strings[offset : self._strings.index(b"\0", offset)].decode()

    def _bare(self, kind_id: int) -> int:
        while kind_id and self._kind(kind_id) in _QUALIFIERS:
            kind_id = self._words[self._at[kind_id] + 2]
        return kind_id

    def _spell(self, kind_id: int) -> str:
        stars = ""
        while kind_id and self._kind(kind_id) in {_PTR, _VOLATILE, _CONST, _TYPE_TAG}:
            stars += "*" if self._kind(kind_id) == _PTR else ""
            kind_id = self._words[self._at[kind_id] + 2]
        return (self._name(kind_id) if kind_id else "void") + stars

    def _members(self, kind_id: int) -> Iterator[tuple[str, int, int]]:
        at = self._at[kind_id]
        info = self._words[at + 1]
        for entry in range(at + 3, at + 3 + 3 * (info & 0xFFFF), 3):
            bits = self._words[entry + 2]
            if info >> 31:  # bit fields: the upper byte is their width
                bits &= 0xFFFFFF
            yield self._text(self._words[entry]), self._words[entry + 1], bits // 8

    def _member(self, struct_id: int, field: str) -> tuple[int, int]:
        for name, kind_id, offset in self._members(struct_id):
            if name == field:
                return offset, kind_id
            bare = self._bare(kind_id)
            if not name and self._kind(bare) in {_STRUCT, _UNION}:
                try:
                    inner, inner_id = self._member(bare, field)
                except KeyError:
                    continue
                return offset + inner, inner_id
        raise KeyError(f"{self._name(struct_id)}.{field}")


def _malformed(why: str) -> NoBtfError:
    return NoBtfError(
        "the kernel's type information (BTF) cannot be read",
        why=why,
        fix="report it with the output of `uname -a`",
    )
