"""Several descriptors behind one, on real pipes."""

import os
from collections.abc import Iterator

import pytest

from ebpftrace.act.actions.support.running import readable
from ebpftrace.act.breaker.descriptors import Descriptors


@pytest.fixture
def descriptors() -> Iterator[Descriptors]:
    made = Descriptors()
    yield made
    made.close()


def test_it_is_readable_when_one_of_them_is(descriptors: Descriptors) -> None:
    there, news = os.pipe()
    try:
        descriptors.listen([there])
        descriptors.listen([there])  # as before
        assert not readable(descriptors.fd)
        os.write(news, b"x")
        assert readable(descriptors.fd)
        descriptors.listen([])
        assert not readable(descriptors.fd)
    finally:
        os.close(there)
        os.close(news)


def test_one_that_was_closed_meanwhile_is_no_matter(descriptors: Descriptors) -> None:
    there, news = os.pipe()
    descriptors.listen([there])
    os.close(there)
    os.close(news)
    descriptors.listen([])
    assert not readable(descriptors.fd)


def test_closed_it_says_so(descriptors: Descriptors) -> None:
    assert not descriptors.closed
    descriptors.close()
    assert descriptors.closed
