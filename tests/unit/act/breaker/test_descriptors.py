"""Several descriptors combined into one, on real pipes."""

import os
from collections.abc import Iterator

import pytest

from ebpftrace.act.breaker.descriptors import Descriptors
from ebpftrace.host.ready import is_readable


@pytest.fixture
def descriptors() -> Iterator[Descriptors]:
    made = Descriptors()
    yield made
    made.close()


def test_it_is_readable_when_a_listened_descriptor_is(descriptors: Descriptors) -> None:
    reader, writer = os.pipe()
    try:
        descriptors.listen([reader])
        descriptors.listen([reader])  # once more changes nothing
        assert not is_readable(descriptors.fd)
        os.write(writer, b"x")
        assert is_readable(descriptors.fd)
        descriptors.listen([])
        assert not is_readable(descriptors.fd)
    finally:
        os.close(reader)
        os.close(writer)


def test_a_descriptor_that_was_closed_meanwhile_is_ignored(descriptors: Descriptors) -> None:
    reader, writer = os.pipe()
    descriptors.listen([reader])
    os.close(reader)
    os.close(writer)
    descriptors.listen([])
    assert not is_readable(descriptors.fd)


def test_it_knows_that_it_is_closed(descriptors: Descriptors) -> None:
    assert not descriptors.closed
    descriptors.close()
    assert descriptors.closed
