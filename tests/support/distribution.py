"""How pytest-xdist distributes the tests: which run in one worker, and which run first.

A test that names no group runs in any worker. The tests of a module share a worker where
they share a fixture, which would else be made in each worker; those of a group never run
at the same time.
"""

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
MAX_WORKERS = 8

# Each takes a minute, or a processor: one after the other, beside all other tests.
_HEAVY = ("e2e/test_judgement_live.py", "e2e/test_thrash.py", "e2e/gopls")
_FIRST = ("e2e", "kernel", "unit")


def workers(processors: int) -> int:
    """The number of workers: most of the tests that take long wait."""
    return min(2 * processors, MAX_WORKERS)


def distribute(items: list[pytest.Item]) -> None:
    """Group the tests, and sort them so that no worker is left with a long group."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None and (group := _group(item)):
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=_rank)  # stable


def _group(item: pytest.Item) -> str:
    path = item.path.relative_to(TESTS)
    if any(path.is_relative_to(heavy) for heavy in _HEAVY):
        return "heavy"
    return str(path) if _shares_a_fixture(item) else ""


def _shares_a_fixture(item: pytest.Item) -> bool:
    """Whether it uses a fixture of ours that outlives a single test."""
    assert isinstance(item, pytest.Function)
    found = item._fixtureinfo.name2fixturedefs
    return any(
        fixture.baseid and fixture.scope != "function"
        for name in item.fixturenames
        for fixture in found.get(name, ())
    )


def _rank(item: pytest.Item) -> tuple[int, int]:
    mark = item.get_closest_marker("xdist_group")
    heavy = mark is not None and mark.args == ("heavy",)
    folder = item.path.relative_to(TESTS).parts[0]
    return (not heavy, _FIRST.index(folder) if folder in _FIRST else len(_FIRST))
