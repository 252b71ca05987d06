"""A share of one CPU at most, as a container's limit sets it."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from tests.support.cgroups import MemoryCgroup, write

_V1 = Path("/sys/fs/cgroup/cpu")
_PERIOD_US = 100_000
_NUMBERS = count()
MISSING = "there is no cpu controller for cgroups of our own"


@contextmanager
def cpu_quota(share: float, group: MemoryCgroup) -> Iterator[Sequence[str]]:
    """The begin of a command line whose program runs in `group`, with so much of one CPU.

    On v1 the quota is a cgroup of its own, which has to be empty at the end.
    """
    quota = round(share * _PERIOD_US)
    if group.version == 2:
        limit = group.path / "cpu.max"
        if not limit.exists():
            pytest.skip(MISSING)
        write(limit, f"{quota} {_PERIOD_US}")
        yield group.inside([])
        return
    if not (_V1 / "cpu.cfs_quota_us").exists() and not (_V1 / "cgroup.procs").exists():
        pytest.skip(MISSING)
    folder = _V1 / f"ebpftrace-test-{os.getpid()}-{next(_NUMBERS)}"
    folder.mkdir()
    try:
        write(folder / "cpu.cfs_period_us", _PERIOD_US)
        write(folder / "cpu.cfs_quota_us", quota)
        enter = f'echo $$ >"{folder}/cgroup.procs" && exec "$@"'
        shell = shutil.which("sh")
        assert shell is not None
        yield [shell, "-c", enter, "sh", *group.inside([])]
    finally:
        folder.rmdir()
