"""The kernels that machines are booted with, by processor and by the size of their pages."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.vm.run import UnavailableError


@dataclass(frozen=True, slots=True)
class Architecture:
    """A processor: `name` is what uname -m says, `debian` what the archive says.

    `qemu` is the emulator's program and its options, `console` the serial line in the guest.
    A machine whose image is `foreign` is made of packages without configuring them: it has no
    systemd that starts.
    """

    name: str
    debian: str
    qemu: tuple[str, ...]
    console: str
    foreign: bool = False


AMD64 = Architecture("x86_64", "amd64", ("qemu-system-x86_64",), "ttyS0")
ARM64 = Architecture(
    "aarch64", "arm64", ("qemu-system-aarch64", "-machine", "virt"), "ttyAMA0", foreign=True
)


@dataclass(frozen=True, slots=True)
class Flavour:
    """A flavour of Debian's kernel: linux-image-`name`."""

    name: str
    architecture: Architecture
    page_kib: int = 4


CLOUD = Flavour("cloud-amd64", AMD64)
FLAVOURS = (
    CLOUD,
    Flavour("cloud-arm64", ARM64),
    Flavour("arm64-16k", ARM64, 16),
)
"""The archive has none with pages of 64 KiB."""

ARCHITECTURES = ("amd64", "arm64")


def flavour(debian: str, page_kib: int) -> Flavour:
    """That of an architecture. UnavailableError if Debian has none with such pages."""
    there = [one for one in FLAVOURS if one.architecture.debian == debian]
    for one in there:
        if one.page_kib == page_kib:
            return one
    raise UnavailableError(
        f"Debian has no kernel for {debian} with pages of {page_kib} KiB, but of "
        f"{_in_words([one.page_kib for one in there])} KiB"
    )


def _in_words(sizes: Sequence[int]) -> str:
    return " and ".join(map(str, sizes))
