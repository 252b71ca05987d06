"""What a program left behind in the kernel: BPF programs and mounts."""

import contextlib
import time
from pathlib import Path

from ebpftrace.probe.loading import bpf
from tests.support.patience import patient

# The kernel frees a program some time after its last user went.
GONE_SECONDS = patient(10.0)


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


def assert_gone(programs: set[int]) -> None:
    """None of these programs is loaded any more. Ids are not given twice."""
    deadline = time.monotonic() + GONE_SECONDS
    while left := programs & set(bpf.program_ids()):
        assert time.monotonic() < deadline, f"still loaded: {left}"
        time.sleep(0.01)


def mounts() -> list[str]:
    """What is mounted where, in our mount namespace."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [" ".join(line.split()[3:6]) for line in lines]
