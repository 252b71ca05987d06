"""Compiled programs and their maps as plain data, independent of the compiler."""

import binascii
import json
import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_INSTRUCTION = 8
_ON = "on_"
_LOAD_64, _MAP_FD = 0x18, 1  # BPF_LD | BPF_IMM | BPF_DW with BPF_PSEUDO_MAP_FD as source
_CALL, _KFUNC = 0x85, 2  # BPF_JMP | BPF_CALL with BPF_PSEUDO_KFUNC_CALL as source

FIRST_KFUNC = 4096
"""A call of a number from here on is of the kernel function with this BTF id.

The C cannot say so: to the compiler each call of a number is one of a helper, of which there
are about 200.
"""


class MapShape(NamedTuple):
    """A map as `bpf.create_map` takes it; sizes in bytes."""

    kind: int
    key_size: int
    value_size: int
    entries: int
    flags: int


class Objects(NamedTuple):
    """Maps and programs by name. Programs refer to a map by its position among the maps."""

    maps: Mapping[str, MapShape]
    programs: Mapping[str, bytes]

    @property
    def handlers(self) -> dict[str, str]:
        """The programs that are attached to a raw tracepoint, which the kernel must have: a
        program named `on_NAME` is attached to NAME."""
        return {name: name[len(_ON) :] for name in self.programs if name.startswith(_ON)}

    def to_bytes(self) -> bytes:
        """As JSON, for a pipe or a file."""
        programs = {
            name: binascii.b2a_base64(code, newline=False).decode()
            for name, code in self.programs.items()
        }
        return json.dumps({"maps": self.maps, "programs": programs}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Objects":
        """The inverse of `to_bytes`. ValueError, KeyError or TypeError for other data."""
        read = json.loads(data)
        return cls(
            {name: MapShape(*shape) for name, shape in read["maps"].items()},
            {name: binascii.a2b_base64(code) for name, code in read["programs"].items()},
        )


def relocate(code: bytes, numbers: Mapping[int, int]) -> bytes:
    """The program with each map reference (a position or descriptor) replaced by `numbers`.

    Calls of kernel functions are marked as such. KeyError for a reference that `numbers` does
    not have.
    """
    patched = bytearray(code)
    # The upper half of a 64-bit constant takes a second instruction, whose opcode is 0.
    opcodes = code[::_INSTRUCTION]
    for at, registers, value in _instructions(code, opcodes, _LOAD_64):
        if registers >> 4 == _MAP_FD:
            struct.pack_into("=i", patched, at + 4, numbers[value])
    for at, registers, value in _instructions(code, opcodes, _CALL):
        if registers >> 4 == 0 and value >= FIRST_KFUNC:
            patched[at + 1] = registers | _KFUNC << 4
    return bytes(patched)


def _instructions(code: bytes, opcodes: bytes, opcode: int) -> Iterator[tuple[int, int, int]]:
    """Position, registers and constant of each with this opcode, found without a look at the
    others: the programs have tens of thousands."""
    number = opcodes.find(opcode)
    while number >= 0:
        at = number * _INSTRUCTION
        _opcode, registers, _offset, value = struct.unpack_from("=BBhi", code, at)
        yield at, registers, value
        number = opcodes.find(opcode, number + 1)
