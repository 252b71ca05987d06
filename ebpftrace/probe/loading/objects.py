"""Compiled programs as plain data: what the compiler hands over, without the compiler."""

import base64
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

_INSTRUCTION = 8
_LOAD_64, _MAP_FD = 0x18, 1  # BPF_LD | BPF_IMM | BPF_DW with BPF_PSEUDO_MAP_FD as source


class MapShape(NamedTuple):
    """A map as `bpf.create_map` takes it; sizes in bytes."""

    kind: int
    key_size: int
    value_size: int
    entries: int
    flags: int


@dataclass(frozen=True, slots=True)
class Objects:
    """Maps and programs by name. Programs refer to a map by its position among the maps."""

    maps: Mapping[str, MapShape]
    programs: Mapping[str, bytes]

    def to_bytes(self) -> bytes:
        """As JSON, for a pipe or a file."""
        programs = {name: base64.b64encode(c).decode() for name, c in self.programs.items()}
        return json.dumps({"maps": self.maps, "programs": programs}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Objects":
        """What `to_bytes` made. ValueError, KeyError or TypeError if it did not make it."""
        read = json.loads(data)
        return cls(
            {name: MapShape(*shape) for name, shape in read["maps"].items()},
            {name: base64.b64decode(code) for name, code in read["programs"].items()},
        )


def relocate(code: bytes, numbers: Mapping[int, int]) -> bytes:
    """The program with each reference to a map replaced: descriptor or position, by number.

    KeyError for a reference that has no replacement.
    """
    patched = bytearray(code)
    at = 0
    while at < len(code):
        opcode, registers, _offset, value = struct.unpack_from("=BBhi", code, at)
        if opcode == _LOAD_64:
            if registers >> 4 == _MAP_FD:
                struct.pack_into("=i", patched, at + 4, numbers[value])
            at += _INSTRUCTION  # the upper half of the constant is an instruction of its own
        at += _INSTRUCTION
    return bytes(patched)
