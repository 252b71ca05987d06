"""Another program resumes a stopped process: whether the fuse gives way."""

from ebpftrace.act.fuse.resumes import MOST_RESUMES, WITHIN_NS, Resumes


def test_fuse_gives_way_twice_a_minute() -> None:
    resumes = Resumes()
    allowed = [resumes.allow(7, now_ns) for now_ns in range(5)]
    assert allowed == [True] * MOST_RESUMES + [False] * 3
    assert resumes.allow(7, WITHIN_NS + 10)


def test_each_bound_has_its_own_count() -> None:
    resumes = Resumes()
    for now_ns in range(5):
        resumes.allow(7, now_ns)
    assert resumes.allow(8, 5)
