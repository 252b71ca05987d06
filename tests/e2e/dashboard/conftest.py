"""Two jobs to look at, and a terminal with the dashboard of them."""

from collections.abc import Iterator

import pytest

from tests.support.dashboard_stage import Stage, begin, two_jobs
from tests.support.tmux import Tmux


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with two_jobs() as stage:
        yield stage


@pytest.fixture
def terminal(stage: Stage) -> Iterator[Tmux]:
    with Tmux(100, 30) as tmux:
        begin(tmux, stage)
        yield tmux
