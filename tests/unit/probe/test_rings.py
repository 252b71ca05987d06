"""A slice of a ring is bounded, and a cgroup's share is renewed as the ring is read."""

import struct
from typing import Any, cast

import pytest

from ebpftrace.probe.rings import SLICE_NS, SLICE_RECORDS, Rings
from tests.support.fake_maps import FakeMaps


class FakeRing:
    """Of the many records each has 100 bytes."""

    fd = 3

    def __init__(self) -> None:
        self.waiting = self.consumed = 0
        self.caught_up = True
        self.asked: list[tuple[int, int]] = []

    @property
    def produced(self) -> int:
        return self.consumed + 100 * self.waiting

    def drain(self, records: int, ns: int) -> None:
        self.asked.append((records, ns))
        taken = min(records, self.waiting)
        self.waiting -= taken
        self.consumed += 100 * taken
        self.caught_up = not self.waiting


@pytest.fixture
def maps(monkeypatch: pytest.MonkeyPatch) -> FakeMaps:
    return FakeMaps(monkeypatch)


@pytest.fixture
def ring(maps: FakeMaps, monkeypatch: pytest.MonkeyPatch) -> FakeRing:
    ring = FakeRing()
    monkeypatch.setattr(maps, "open_ring", lambda _name, _callback: ring, raising=False)
    return ring


def rings(maps: FakeMaps, ring_bytes: int = 1 << 20) -> Rings:
    return Rings(cast(Any, maps), lambda _: None, lambda _: None, ring_bytes)


def rounds(maps: FakeMaps) -> int:
    data = maps.maps.get("ring_round", {}).get(bytes(4), bytes(8))
    return int(struct.unpack("=Q", data)[0])


def test_slice_is_bounded_in_records_and_time(maps: FakeMaps, ring: FakeRing) -> None:
    both, ring.waiting = rings(maps), 1000
    both.take()
    assert ring.asked == [(SLICE_RECORDS, SLICE_NS)]
    assert not both.caught_up
    assert ring.waiting == 1000 - SLICE_RECORDS


def test_shares_are_renewed_once_all_is_read(maps: FakeMaps, ring: FakeRing) -> None:
    both, ring.waiting = rings(maps), SLICE_RECORDS + 1
    both.take()
    assert rounds(maps) == 0
    both.take()
    assert rounds(maps) == 1
    both.take()  # nothing was written since
    assert rounds(maps) == 1


def test_shares_are_renewed_once_a_whole_ring_is_read(maps: FakeMaps, ring: FakeRing) -> None:
    both, ring.waiting = rings(maps, ring_bytes=2 * 100 * SLICE_RECORDS), 1000
    both.take()
    assert rounds(maps) == 0
    both.take()
    assert rounds(maps) == 1


def test_position_is_read_once_the_reader_is_past_it(maps: FakeMaps, ring: FakeRing) -> None:
    both, ring.waiting = rings(maps), 2 * SLICE_RECORDS
    written = both.written
    both.take()
    assert both.has_read(written - 100 * SLICE_RECORDS)
    assert not both.has_read(written)
    both.take()
    assert both.has_read(written)
