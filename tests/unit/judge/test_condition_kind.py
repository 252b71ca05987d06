"""A bound is bytes or a share, never both."""

from ebpftrace.judge.condition_kind import Bound


def test_bound_is_bytes_or_a_share() -> None:
    size, share = Bound(1024.4), Bound(0.9, is_share=True)
    assert (size.in_bytes, size.as_share) == (1024, None)
    assert (share.in_bytes, share.as_share) == (None, 0.9)
