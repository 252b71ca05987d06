"""The page of the rivals, made of records as the machine sends them, and who acted."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.rivals.cases import CASES, LIMIT
from bench.rivals.evidence import (
    BY_EARLYOOM,
    BY_EBPFTRACE,
    BY_SHELL,
    BY_SYSTEMD_OOMD,
    Left,
    done,
    left,
)
from bench.rivals.guards import GUARDS
from bench.rivals.job import Fate
from bench.rivals.page import page
from bench.rivals.who import who
from ebpftrace.units import MIB

VERSIONS = {guard.name: f"{number}.5" for number, guard in enumerate(GUARDS)}
KVM = ("-accel", "kvm", "-cpu", "host", "-smp", "4")
TCG = ("-accel", "tcg,thread=single", "-cpu", "max", "-smp", "2")
CGROUP = "/rivals.slice/ebpft-rivals-1a2b3c4d.service"


def record(guard: str, **changes: Any) -> dict[str, Any]:
    return {
        "case": "leak",
        "guard": guard,
        "acted": guard,
        "limit_bytes": LIMIT,
        "evidence": "3 files, 12 KiB",
        "ended_seconds": 12.4,
        "held_bytes": 192 * MIB,
        "stalled_percent": 7.3,
        "oom_kills": 0,
        "lost": ["culprit"],
    } | changes


def fate(*lost: str, oom_kills: int = 0) -> Fate:
    pids = {"culprit": 4711, "bystander": 471}
    return Fate(12.4, 192 * MIB, 7.3, oom_kills, lost, pids, CGROUP)


def test_a_row_says_who_acted_when_on_whom_and_what_is_left() -> None:
    (row,) = [
        line
        for line in page([record("ebpftrace")], VERSIONS, KVM).splitlines()
        if line.startswith("| ebpftrace |")
    ]
    assert row == (
        "| ebpftrace | ebpftrace | 12 s | 192 MiB | 7 % | culprit | 3 files, 12 KiB |"
    )


def test_where_nobody_acted_nothing_was_lost() -> None:
    quiet = record(
        "earlyoom", acted="nobody", ended_seconds=None, lost=[], evidence="", limit_bytes=None
    )
    text = page([quiet], VERSIONS, KVM)
    assert "| earlyoom | nobody | – | 192 MiB | 7 % | nothing | – |" in text


def test_every_case_and_every_guard_is_explained() -> None:
    text = page([record("earlyoom", case=case.name) for case in CASES], VERSIONS, KVM)
    assert all(f"### {case.name}: {case.told}" in text for case in CASES)
    assert all(
        f"- **{guard.name}** ({VERSIONS[guard.name]}): {guard.told}" in text for guard in GUARDS
    )


def test_a_case_that_was_not_measured_is_left_out_and_said_so() -> None:
    text = page([record("ebpftrace")], VERSIONS, KVM)
    assert "### burst" not in text
    assert "Not measured in this run: *burst*" in text


def test_the_processor_is_the_one_that_it_ran_on() -> None:
    emulated, real = (page([record("earlyoom")], VERSIONS, one) for one in (TCG, KVM))
    assert "emulated by tcg,thread=single, 2 CPUs, 2 GiB" in emulated
    assert "on an emulated processor more than elsewhere" in emulated
    assert "KVM, 4 CPUs, 2 GiB" in real
    assert "emulated" not in real


@pytest.mark.parametrize(
    ("pattern", "text", "ended"),
    [
        (BY_EBPFTRACE, "34 files saved\nculprit 4711 ended by TERM after 18ms", "4711"),
        (
            BY_SYSTEMD_OOMD,
            f"Killed {CGROUP} due to memory pressure for /rivals.slice being 61.20% > 60.00% "
            "for > 30s with reclaim activity",
            CGROUP,
        ),
        (
            BY_EARLYOOM,
            "sending SIGTERM when mem <=  10.00% and swap <=  10.00%,\n"
            'sending SIGTERM to process 4711 uid 0 "culprit": badness 471, VmRSS 471 MiB',
            "4711",
        ),
        (BY_SHELL, f"/sys/fs/cgroup{CGROUP}/ holds 471: ended    4711", "4711"),
    ],
)
def test_whom_each_guard_ended_is_in_its_own_record(
    pattern: Any, text: str, ended: str
) -> None:
    found = left(text, pattern, "its output")
    assert found == Left("1 line in its output", frozenset({ended}))
    assert who(fate("culprit"), "guard", found) == "guard"
    assert left("", pattern, "its output") == Left("nothing")


def test_of_the_audit_log_only_a_step_that_was_done_ended_anybody(tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    steps = [
        {"type": "step", "status": status, "detail": f"culprit {pid} ended by TERM after 1s"}
        for pid, status in ((4711, "done"), (471, "failed"))
    ]
    log.write_text("".join(json.dumps(one) + "\n" for one in [{"type": "incident"}, *steps]))
    assert left(done(log), BY_EBPFTRACE, "its audit log").ended == {"4711"}


def test_a_guard_that_wrote_of_it_acted_though_the_kernel_killed_too() -> None:
    assert who(fate("culprit", oom_kills=1), "guard", Left("", frozenset({"4711"}))) == "guard"


def test_what_no_guard_wrote_of_is_the_kernel_s_where_it_counted_a_kill() -> None:
    assert who(fate("culprit", oom_kills=1), "guard", Left("nothing")) == "the kernel"
    assert who(fate("culprit"), "guard", Left("nothing")) == "unknown"


def test_a_bystander_lost_alone_was_ended_by_somebody() -> None:
    assert who(fate("bystander", oom_kills=1), "guard", Left("nothing")) == "the kernel"
    assert who(fate("bystander"), "guard", Left("", frozenset({"471"}))) == "guard"
    assert who(fate(), "guard", Left()) == "nobody"


def test_where_each_was_ended_by_another_both_are_told() -> None:
    found = who(
        fate("culprit", "bystander", oom_kills=1), "guard", Left("", frozenset({"471"}))
    )
    assert found == "the kernel (culprit), guard (bystander)"


def test_a_job_that_was_ended_as_one_lost_both_to_its_guard() -> None:
    ended = Left("", frozenset({CGROUP}))
    assert who(fate("culprit", "bystander"), "guard", ended) == "guard"
