from dataclasses import replace

from ebpftrace.counters import Delays
from ebpftrace.ledger import ProcessSnapshot
from ebpftrace.units import MIB
from ebpftrace.views.dashboard.model.rows import Row
from ebpftrace.views.dashboard.model.screen_data import ScreenData
from ebpftrace.views.dashboard.render.facts import long_facts, short_facts, title
from tests.support import watches

PROCESS = watches.process(4711, 512 * MIB, args=("gopls", "serve"))
JOB = watches.job(processes=[PROCESS], stalled_ns=120_000_000)


def facts(process: ProcessSnapshot) -> dict[str, str]:
    return dict(short_facts(Row(JOB, process)))


def test_the_title_has_name_state_and_age() -> None:
    assert title(Row(JOB), ScreenData()).startswith("build-42 · running · ")
    assert title(Row(JOB, PROCESS), ScreenData()).startswith("gopls 4711 · running · ")
    monitor = replace(PROCESS, role="telemetry")
    assert title(Row(JOB, monitor), ScreenData()).startswith(
        "gopls 4711 · running, telemetry · "
    )


def test_long_facts_identify_the_job_and_the_process() -> None:
    assert dict(long_facts(Row(JOB)))["job"] == "github, by GITHUB_RUN_ID of pid 4711"
    found = dict(long_facts(Row(JOB, PROCESS)))
    assert found["command"] == "gopls serve"
    assert found["job"] == "build-42 (github, by GITHUB_RUN_ID of pid 4711)"
    assert found["cgroup"] == JOB.identity.cgroup


def test_what_is_not_known_is_left_out() -> None:
    calm = replace(JOB, cgroup=JOB.cgroup._replace(limit_bytes=None, headroom_bytes=None))
    found = dict(short_facts(Row(calm)))
    assert (found["limit"], found["headroom"], found["full in"]) == ("none", "", "")


def test_delays_where_they_were_asked_for() -> None:
    assert "reclaim" not in facts(replace(PROCESS, delays=None))
    delays = Delays(swapin_ns=0, reclaim_ns=1_500_000_000, thrashing_ns=20_000_000)
    found = facts(replace(PROCESS, delays=delays))
    assert found["reclaim"] == "1.5s"
    assert found["swap in"] == "0ms"
    assert found["thrashing"] == "20ms"


def test_a_job_on_cgroup_v2_has_its_pressure_and_how_often_it_was_throttled() -> None:
    (modern,) = watches.example().jobs
    found = dict(short_facts(Row(modern)))
    assert (found["pressure"], found["throttled"]) == ("3%, all 1%", "21 times")
    assert not {"pressure", "throttled"} & dict(short_facts(Row(JOB))).keys(), "v1 has neither"
