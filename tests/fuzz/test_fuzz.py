"""Whatever a job writes: no exception but ebpftrace's own, and bounded time and memory.

Time is counted in lines of Python that run, which no load of the machine changes. Processor
time is bounded far above that, for what takes long without a line of Python. A case
that hypothesis finds is kept as a file in corpus/, below the name of its target.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.errors import EbpftraceError
from tests.support.effort import effort_of
from tests.support.fuzz_inputs import CORPUS, corpus_of, inputs
from tests.support.fuzz_targets import MOST_STEPS, TARGETS, FuzzTarget, folder

MOST_SECONDS = 0.5
"""While lines are counted: some ten times what MOST_STEPS take then."""


class Raw:
    """Bytes that show as their beginning: hypothesis prints what it found."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __repr__(self) -> str:
        return f"{len(self.data)} bytes: {self.data[:2000]!r}"


def check(target: FuzzTarget, raw: bytes) -> None:
    def read() -> None:
        try:
            target.read(where, raw)
        except EbpftraceError as error:
            assert error.what.isprintable()

    with folder() as where:
        effort = effort_of(read)
    assert effort.steps <= target.most_steps
    assert effort.peak_bytes <= target.most_bytes
    assert effort.cpu_seconds <= MOST_SECONDS * target.most_steps / MOST_STEPS


def test_every_target_has_a_corpus() -> None:
    assert {entry.name for entry in CORPUS.iterdir()} == set(TARGETS)


@pytest.mark.parametrize(
    ("target", "file"), [(target, file) for target in TARGETS for file in corpus_of(target)]
)
def test_kept_case(target: str, file: str) -> None:
    check(TARGETS[target], corpus_of(target)[file])


@pytest.mark.timeout(1800)  # of the long profile; a case is bounded by itself
@pytest.mark.parametrize("name", TARGETS)
def test_changed_cases(name: str) -> None:
    target, seeds = TARGETS[name], list(corpus_of(name).values())

    @given((inputs(seeds) | st.binary(max_size=300)).map(Raw))
    def changed(raw: Raw) -> None:
        check(target, raw.data)

    changed()
