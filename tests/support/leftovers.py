"""What a program left behind in the kernel: BPF programs and mounts."""

import contextlib
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir

from ebpftrace.probe.loading.bpf.syscall import bpf, pack
from tests.support.patience import patient

# The kernel frees a program some time after its last user went.
GONE_SECONDS = patient(10.0)

_PROG_GET_NEXT_ID = 11


def programs_of(pid: int) -> set[int]:
    """Ids of the BPF programs a process holds a descriptor of."""
    ids = set[int]()
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            ids |= {
                int(line.split()[1])
                for line in info.read_text().splitlines()
                if line.startswith("prog_id:")
            }
    return ids


def program_ids() -> Iterator[int]:
    """Ids of all loaded BPF programs."""
    last = 0
    while True:
        attributes = pack("III", last, 0, 0)
        try:
            bpf(_PROG_GET_NEXT_ID, attributes)
        except FileNotFoundError:
            return
        last = int(struct.unpack_from("=I", attributes, 4)[0])
        yield last


def assert_gone(programs: set[int]) -> None:
    """None of these programs is loaded any more. Ids are not given twice."""
    deadline = time.monotonic() + GONE_SECONDS
    while left := programs & set(program_ids()):
        assert time.monotonic() < deadline, f"still loaded: {left}"
        time.sleep(0.01)


def mounts() -> list[str]:
    """What is mounted where, in our mount namespace, besides the disks of other tests."""
    lines = map(
        str.split, Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    )
    return [" ".join(line[3:6]) for line in lines if not line[4].startswith(gettempdir())]
