"""The C of the kernel programs, which is compiled as one text."""

from pathlib import Path

from ebpftrace.errors import ProbeError

SOURCES = ("types.h", "maps.h", "kernel.h", "claims.h", "quota.h", "ring.h", "start.h",
           "select.h", "sharing.h", "held.h", "signalled.h", "bounds.h", "filled.h", "fuse.h",
           "watermarks.h", "page_counters.h", "cgroups.c", "quotas.c", "memory.c",
           "mappings.c", "tracking.h", "sharing.c", "lifecycle.c", "pressure.c",
           "changes.c")  # fmt: skip
"""Files of bpf/, in the order in which they are compiled."""


def source_folder() -> Path:
    """The folder with the C: in the wheel beside the modules, else in the checkout."""
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "bpf", package.parent / "bpf"):
        if (folder / "types.h").exists():
            return folder
    raise ProbeError(
        "ebpftrace's kernel programs are missing",
        why=f"there is no bpf/ beside {package}",
        fix="install ebpftrace again",
    )


def read_source() -> str:
    """All of SOURCES, each after a #line directive."""
    folder = source_folder()
    return "".join(
        f'#line 1 "bpf/{name}"\n{(folder / name).read_text(encoding="utf-8")}\n'
        for name in SOURCES
    )
