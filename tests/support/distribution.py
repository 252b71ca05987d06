"""How pytest-xdist distributes the tests: which share a worker, and which run first.

The tests of a file run in one worker, one after the other, and so do those of the files that
name a group here. Group markers are not used: pytest-xdist 3.8 loses them under pytest 9.
"""

from pathlib import Path, PurePath

import pytest
from xdist.scheduler import LoadScopeScheduling

TESTS = Path(__file__).resolve().parents[1]
MAX_WORKERS = 8

_GROUPS = {
    # Each takes a minute or a processor; it runs beside all other tests.
    "heavy": ("e2e/gopls", "e2e/test_judgement_live.py", "e2e/test_thrash.py"),
    "fleet": ("fleet",),  # one Kubernetes for all of them
    # A demo removes what one that was killed left behind.
    "demo": ("e2e/test_make.py", "kernel/test_demo_stage.py"),
}
_ORDER = ("kernel/test_holding.py", "e2e", "kernel", "unit")


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # it ships no types
    """By file or group, in the order of `rank`."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


def workers(processors: int) -> int:
    """The number of workers: most of the tests that take long wait."""
    return min(2 * processors, MAX_WORKERS)


def scope(nodeid: str) -> str:
    """What runs in one worker with this test."""
    path = nodeid.partition("::")[0]
    return _group(PurePath(path).relative_to(TESTS.name)) or path


def rank(item: pytest.Item) -> int:
    """A sort key: what takes longest is begun first, and short tests fill the end."""
    path = item.path.relative_to(TESTS)
    if _group(path) == "heavy":
        return -1
    places = (place for place, first in enumerate(_ORDER) if path.is_relative_to(first))
    return next(places, len(_ORDER))


def _group(path: PurePath) -> str:
    for name, members in _GROUPS.items():
        if any(path.is_relative_to(member) for member in members):
            return name
    return ""
