"""The fuse of a policy that waits for evidence."""

from ebpftrace.act.policy.fuse import BACKSTOP_SHARE, FuseAction, FuseEnd, backstop


def test_backstop_stops_below_the_limit_and_ends_no_process_by_itself() -> None:
    fuse = backstop()
    assert (fuse.bound, fuse.share, fuse.backstop) == (BACKSTOP_SHARE, True, True)
    assert (fuse.action, fuse.then) == (FuseAction.STOP, FuseEnd.THAW)
    assert 0.93 < BACKSTOP_SHARE < 1  # healthy jobs end well at 93 %
    assert backstop(0.8).bound == 0.8
