"""The page of the rivals, made from the machine's records, and what acted."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.rivals.attribution import killer_of
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


def test_row_has_what_acted_when_and_what_is_left() -> None:
    (row,) = [
        line
        for line in page([record("ebpftrace")], VERSIONS, KVM).splitlines()
        if line.startswith("| ebpftrace |")
    ]
    assert row == (
        "| ebpftrace | ebpftrace | 12 s | 192 MiB | 7 % | culprit | 3 files, 12 KiB |"
    )


def test_row_without_an_action_has_no_loss() -> None:
    quiet = record(
        "earlyoom", acted="nothing", ended_seconds=None, lost=[], evidence="", limit_bytes=None
    )
    text = page([quiet], VERSIONS, KVM)
    assert "| earlyoom | nothing | – | 192 MiB | 7 % | nothing | – |" in text


def test_every_case_and_every_guard_is_described() -> None:
    text = page([record("earlyoom", case=case.name) for case in CASES], VERSIONS, KVM)
    assert all(f"### {case.name}: {case.description}" in text for case in CASES)
    assert all(
        f"- **{guard.name}** ({VERSIONS[guard.name]}): {guard.description}" in text
        for guard in GUARDS
    )


def test_case_that_was_not_measured_is_named_as_missing() -> None:
    text = page([record("ebpftrace")], VERSIONS, KVM)
    assert "### burst" not in text
    assert "Not measured in this run: *burst*" in text


def test_page_names_the_processor() -> None:
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
def test_record_of_each_guard_names_what_it_ended(pattern: Any, text: str, ended: str) -> None:
    found = left(text, pattern, "its output")
    assert found == Left("1 line in its output", frozenset({ended}))
    assert killer_of(fate("culprit"), "guard", found) == "guard"
    assert left("", pattern, "its output") == Left("nothing")


def test_only_done_steps_of_the_audit_log_count(tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    steps = [
        {"type": "step", "status": status, "detail": f"culprit {pid} ended by TERM after 1s"}
        for pid, status in ((4711, "done"), (471, "failed"))
    ]
    log.write_text("".join(json.dumps(one) + "\n" for one in [{"type": "incident"}, *steps]))
    assert left(done(log), BY_EBPFTRACE, "its audit log").ended == {"4711"}


def test_record_of_a_guard_goes_before_a_kill_of_the_kernel() -> None:
    assert (
        killer_of(fate("culprit", oom_kills=1), "guard", Left("", frozenset({"4711"})))
        == "guard"
    )


def test_unrecorded_end_is_the_kernels_if_it_counted_a_kill() -> None:
    assert killer_of(fate("culprit", oom_kills=1), "guard", Left("nothing")) == "the kernel"
    assert killer_of(fate("culprit"), "guard", Left("nothing")) == "unknown"


def test_bystander_lost_alone_is_attributed() -> None:
    assert killer_of(fate("bystander", oom_kills=1), "guard", Left("nothing")) == "the kernel"
    assert killer_of(fate("bystander"), "guard", Left("", frozenset({"471"}))) == "guard"
    assert killer_of(fate(), "guard", Left()) == "nothing"


def test_processes_ended_differently_are_listed() -> None:
    found = killer_of(
        fate("culprit", "bystander", oom_kills=1), "guard", Left("", frozenset({"471"}))
    )
    assert found == "the kernel (culprit), guard (bystander)"


def test_guard_that_ended_the_cgroup_ended_both() -> None:
    ended = Left("", frozenset({CGROUP}))
    assert killer_of(fate("culprit", "bystander"), "guard", ended) == "guard"
