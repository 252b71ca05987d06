"""The rows of the table of CI systems do not contradict each other. (Jobs: test_systems.py.)"""

from collections import Counter

import pytest

from ebpftrace.jobs.ci.run import CiProcess
from ebpftrace.jobs.ci.systems import CI_SYSTEMS
from ebpftrace.jobs.ci.table import BY_VARIABLES
from ebpftrace.jobs.ci.variables import CiVariables
from tests.support.environs import environ


def test_every_row_is_tried() -> None:
    assert [system for system in CI_SYSTEMS if system in BY_VARIABLES] == list(BY_VARIABLES)


def test_kinds_are_unique_among_all_systems() -> None:
    kinds = Counter(system.kind for system in CI_SYSTEMS)
    assert kinds.most_common(1)[0][1] == 1, kinds


def test_no_environment_is_two_systems() -> None:
    """A marker with any value must not be that of another row."""
    markers = Counter(row.marker for row in BY_VARIABLES)
    assert markers.most_common(1)[0][1] == 1, markers


@pytest.mark.parametrize("row", BY_VARIABLES, ids=lambda row: row.kind)
def test_agents_are_names_as_the_kernel_has_them(row: CiVariables) -> None:
    """A row without an agent, or with another row's, would take its children for jobs."""
    others = {agent for other in BY_VARIABLES if other is not row for agent in other.agents}
    assert row.agents
    assert not others & set(row.agents)


@pytest.mark.parametrize("row", BY_VARIABLES, ids=lambda row: row.kind)
def test_marker_alone_is_no_job(row: CiVariables) -> None:
    """The agent's own environment may have it."""
    there = environ({row.marker: row.marker_value or "true"})
    assert row.identify(CiProcess("gopls", there)) is None


@pytest.mark.parametrize("row", BY_VARIABLES, ids=lambda row: row.kind)
def test_build_without_the_marker_is_no_job(row: CiVariables) -> None:
    there = environ({row.build.name: "42", row.project.name: "acme/shop"})
    assert row.identify(CiProcess("gopls", there)) is None
