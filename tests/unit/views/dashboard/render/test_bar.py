from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.counters import Usage
from ebpftrace.units import GIB, MIB
from ebpftrace.views.dashboard.render.bar import _bar, job_bar, process_bar
from ebpftrace.views.dashboard.render.spans import plain, width_of
from tests.support import dashboards
from tests.support.dashboards import PLAIN

SIZES = st.integers(0, 4 * GIB)


def test_each_kind_has_its_sign_and_what_is_free_is_seen() -> None:
    usage = Usage(anon_bytes=400 * MIB, shmem_bytes=200 * MIB, file_bytes=100 * MIB)
    bar = _bar(usage, 900 * MIB, 1000 * MIB, 10, PLAIN)
    assert plain(bar) == "▇▇▇▇▓▓▒░░·"


def test_what_is_little_is_not_nothing() -> None:
    assert plain(_bar(Usage(anon_bytes=1), 1, GIB, 10, PLAIN)) == "▇·········"
    assert plain(_bar(Usage(), 0, GIB, 10, PLAIN)) == "··········"


def test_without_a_limit_there_is_no_bar() -> None:
    job = dashboards.steady_job()
    assert plain(job_bar(job, 10, PLAIN)) == "no limit  "
    assert plain(process_bar(job.processes[0], job, 10, PLAIN)) == " " * 10


@given(SIZES, SIZES, SIZES, SIZES, st.integers(1, 4 * GIB), st.integers(0, 40))
def test_it_is_as_wide_as_it_should_be(
    anon: int, shmem: int, file: int, charge: int, limit: int, width: int
) -> None:
    usage = Usage(anon_bytes=anon, shmem_bytes=shmem, file_bytes=file)
    assert width_of(_bar(usage, charge, limit, width, PLAIN)) == width
