"""Whatever a job writes: no exception but ebpftrace's own, and bounded time and memory.

Each read is bounded by itself, at sizes up to what it reads at most: 1 MiB beyond the file, and
10 ms. Those are counted in lines of Python that run, which no load of the machine changes
(MOST_STEPS of fuzz_targets.py). A regular expression or a sort takes time without a line, and
has nothing that could be counted instead: so the thread's processor time, which others' load
is no part of, is bounded as well, far above that, of the best of some attempts. A case that
hypothesis finds is kept as a file in corpus/, below the name of its target.

/proc/PID/maps has no target: nothing reads it. smaps and mountinfo are copied by `capture` as
they are, by other limits (evidence.py); of another process, mountinfo is read as well, and is a
target.
"""

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.errors import EbpftraceError
from tests.support.effort import effort_of
from tests.support.fuzz_inputs import CORPUS, corpus_of, inputs, repeated
from tests.support.fuzz_targets import MOST_STEPS, TARGETS, FuzzTarget, folder

MOST_SECONDS = 0.1
_ATTEMPTS = 10


class Raw:
    """Bytes that show as their beginning: hypothesis prints what it found."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __repr__(self) -> str:
        return f"{len(self.data)} bytes: {self.data[:2000]!r}"


def check(target: FuzzTarget, raw: bytes) -> None:
    with folder() as where:
        for read in target.reads(where, raw):

            def attempt(read: Callable[[], object] = read) -> float:
                began = time.thread_time()
                try:
                    read()
                except EbpftraceError as error:
                    assert error.what.isprintable()
                return time.thread_time() - began

            effort = effort_of(attempt)
            assert effort.steps <= target.most_steps
            assert effort.peak_bytes <= target.most_bytes
            most_seconds = MOST_SECONDS * target.most_steps / MOST_STEPS
            if effort.cpu_seconds > most_seconds:  # with what it takes to count
                assert min(attempt() for _ in range(_ATTEMPTS)) <= most_seconds


def test_every_target_has_a_corpus() -> None:
    assert {entry.name for entry in CORPUS.iterdir()} == set(TARGETS)


@pytest.mark.parametrize(
    ("target", "file"), [(target, file) for target in TARGETS for file in corpus_of(target)]
)
def test_kept_case_as_it_is_and_repeated_up_to_the_limit(target: str, file: str) -> None:
    raw, most_bytes = corpus_of(target)[file], TARGETS[target].most_input_bytes
    check(TARGETS[target], raw)
    check(TARGETS[target], repeated(raw, most_bytes, most_bytes))


@pytest.mark.timeout(1800)  # of the long profile; a case is bounded by itself
@pytest.mark.parametrize("name", TARGETS)
def test_changed_cases(name: str) -> None:
    target, seeds = TARGETS[name], list(corpus_of(name).values())

    @given((inputs(seeds, target.most_input_bytes) | st.binary(max_size=300)).map(Raw))
    def changed(raw: Raw) -> None:
        check(target, raw.data)

    changed()
