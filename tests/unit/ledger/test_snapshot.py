"""What a snapshot computes from its values."""

from dataclasses import replace

from ebpftrace.counters import CgroupCounters, Usage
from ebpftrace.ledger import JobState
from ebpftrace.units import MIB
from tests.support import watches


def test_usage_of_a_forked_child_is_without_what_it_shares() -> None:
    child = watches.process(resident=160 * MIB)
    shared = Usage(anon_bytes=100 * MIB, file_bytes=10 * MIB)
    child = replace(child, counters=child.counters._replace(inherited=shared))
    assert child.own == Usage(anon_bytes=50 * MIB)


def test_command_line_is_the_name_where_there_are_no_arguments() -> None:
    process = replace(watches.process(), comm="gopls", args=("gopls", "serve"))
    assert process.cmdline == "gopls serve"
    assert replace(process, args=()).cmdline == "gopls"


def test_share_of_the_limit() -> None:
    job = watches.job()
    for limit, share in ((None, None), (0, None), (400, 0.25)):
        cgroup = CgroupCounters(charge_bytes=100, limit_bytes=limit)
        assert replace(job, cgroup=cgroup).limit_share == share


def test_running_jobs_and_their_processes_are_counted() -> None:
    running = watches.job(processes=[watches.process(1), watches.process(2)])
    idle = replace(watches.job("idle", processes=[]), state=JobState.IDLE)
    snapshot = watches.snapshot(running, idle)
    assert (snapshot.running_count, snapshot.process_count) == (1, 2)
