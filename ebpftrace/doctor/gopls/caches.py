"""The file caches of the gopls that run: how large, how old, and whether jobs share them."""

import os
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ebpftrace.doctor.check import CheckResult, CheckState
from ebpftrace.doctor.files.rules.caches import FRESH_FILE_CACHE, SHARE_CACHES
from ebpftrace.doctor.gopls.patience import PatientReader
from ebpftrace.doctor.gopls.processes import GoplsProcess
from ebpftrace.text import clean
from ebpftrace.units import NS_PER_SECOND, format_bytes, format_duration

_AREA = "gopls"
_MOST_ENTRIES = 20_000
_MOST_SHOWN = 16
_MKTEMP = re.compile(r"/tmp\.[A-Za-z0-9]{6,12}(?:/|$)")  # of mktemp(1)
_SHARED_TEMPORARY = frozenset({"/tmp", "/var/tmp", ""})


class CacheSize(NamedTuple):
    """What is in a file cache. With `more` it has further files, which were not looked at."""

    size_bytes: int
    files: int
    newest_s: float  # Unix time of the last write; 0 without a file
    more: bool = False


SizeOf = Callable[[GoplsProcess, PatientReader], CacheSize | None]


def cache_size(
    process: GoplsProcess, reader: PatientReader, proc: Path = Path("/proc")
) -> CacheSize | None:
    """Its file cache as it sees it; None if that cannot be read, or not in time."""
    if not process.cache.startswith("/"):
        return None
    folder = f"{proc}/{process.pid}/root{process.cache}/gopls"
    try:
        return reader.file(process.pid, partial(_size, folder))
    except OSError:
        return None


def _size(folder: str) -> CacheSize:
    """OSError if there is no such folder. No symlink below it is followed."""
    size, files, entries, newest = 0, 0, 0, 0.0
    queue = [folder]
    for each in queue:
        with os.scandir(each) as found:
            for entry in found:
                entries += 1
                if entries > _MOST_ENTRIES:
                    return CacheSize(size, files, newest, more=True)
                if entry.is_dir(follow_symlinks=False):
                    queue.append(entry.path)
                    continue
                status = entry.stat(follow_symlinks=False)
                size, files = size + status.st_blocks * 512, files + 1
                newest = max(newest, status.st_mtime)
    return CacheSize(size, files, newest)


def check_caches(
    processes: Sequence[GoplsProcess],
    size_of: SizeOf = cache_size,
    now_s: Callable[[], float] = time.time,
) -> Iterator[CheckResult]:
    """A line for each cache; those of a job alone, and users with several."""
    reader = PatientReader()
    by_user: dict[int, dict[str, GoplsProcess]] = defaultdict(dict)
    for process in processes:
        if process.cache:
            by_user[process.user].setdefault(process.cache, process)
    shown = [each for caches in by_user.values() for each in caches.values()][:_MOST_SHOWN]
    for process in shown:
        size = size_of(process, reader)
        if size is not None:
            seen = f"file cache {_in_words(process.cache, size, now_s())}"
            yield CheckResult(_AREA, "file cache", CheckState.OK, seen)
        if is_of_job(process):
            seen = f"the file cache {clean(process.cache, 200)} is new in each job"
            yield CheckResult(
                _AREA, "fresh file cache", CheckState.WARNING, seen, FRESH_FILE_CACHE.why,
                SHARE_CACHES,
            )  # fmt: skip
    for user, caches in by_user.items():
        if len(caches) > 1:
            some = ", ".join(clean(cache, 60) for cache in sorted(caches)[:4])
            seen = f"the gopls of user {user} have {len(caches)} file caches: {some}"
            yield CheckResult(
                _AREA, "caches", CheckState.WARNING, seen, FRESH_FILE_CACHE.why,
                "let them share one: the same GOPLSCACHE, or none, for all",
            )  # fmt: skip


def is_of_job(process: GoplsProcess) -> bool:
    """Whether the cache is in a folder that ends with the job, by the process's variables."""
    cache = process.cache.rstrip("/") + "/"
    for name in ("RUNNER_TEMP", "TMPDIR"):
        folder = process.variables.get(name, "").rstrip("/")
        if folder not in _SHARED_TEMPORARY and cache.startswith(f"{folder}/"):
            return True
    return _MKTEMP.search(cache) is not None


def _in_words(cache: str, size: CacheSize, now_s: float) -> str:
    where = f"{clean(cache, 200)}/gopls"
    if not size.files:
        return f"{where} is empty"
    least = "at least " if size.more else ""
    age = format_duration(max(0, round((now_s - size.newest_s) * NS_PER_SECOND)))
    files = "1 file" if size.files == 1 else f"{size.files:,} files"
    return f"{where}: {least}{format_bytes(size.size_bytes)} in {files}, written {age} ago"
