"""A whole page, read by the strict parser of prometheus-client, and what is made anew."""

import gzip
from dataclasses import replace
from types import MappingProxyType

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families as classic

from ebpftrace.ledger import JobState
from ebpftrace.service.metrics import page as module
from ebpftrace.service.metrics.page import MetricsPage
from ebpftrace.service.state import EndedJob, Published
from tests.support import watches
from tests.support.published import parsed, published

OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"
HOSTILE = 'a"b\\c\nd{}#,= 日本\x1b'


def text(state: Published, accept: str = OPEN, most: int = 20_000) -> str:
    return MetricsPage(most).render(state, accept, compress=False, http={})[1].decode()


def families(state: Published, most: int = 20_000) -> dict[str, Metric]:
    found = parsed(text(state, most=most))
    again = {one.name for one in classic(text(state, "", most=most))}
    assert len(again) == len(found)
    return found


def value(found: dict[str, Metric], name: str, **labels: str) -> float:
    (sample,) = (
        one
        for one in found[name].samples
        if labels.items() <= one.labels.items() and not one.name.endswith("_created")
    )
    return float(sample.value)


def test_both_formats_are_read_by_their_parsers_with_hostile_names() -> None:
    job = watches.job(HOSTILE, [watches.process(comm=HOSTILE)], seconds_to_limit=5.0)
    found = families(published(job, findings=(watches.finding(),)))
    info = found["ebpftrace_job"].samples[0].labels
    assert info["job_name"] == HOSTILE
    peak = found["ebpftrace_process_memory_peak_bytes"].samples[0]
    assert peak.labels["comm"] == HOSTILE
    assert "# EOF" in text(published(job))
    assert "# EOF" not in text(published(job), "text/plain")


def test_an_ended_job_keeps_its_peak_until_it_is_dropped() -> None:
    gone = watches.job("gone", state=JobState.GONE, peak=99)
    kept = MappingProxyType({"/ci/gone": EndedJob(gone, 0)})
    found = families(published(ended=kept))
    assert value(found, "ebpftrace_job_memory_peak_bytes", job_name="gone") == 99
    assert "gone" not in text(published(gone)).replace('state="gone"', "")  # not kept any more


def test_a_job_that_runs_again_has_its_series_once() -> None:
    ended = watches.job("a", state=JobState.GONE)
    kept = MappingProxyType({"/ci/a": EndedJob(ended, 0)})
    found = families(published(watches.job("a", [watches.process()]), ended=kept))
    assert value(found, "ebpftrace_job_running", job_name="a") == 1


def test_two_processes_with_one_pid_are_one_series() -> None:
    jobs = (watches.job("a", [watches.process()]), watches.job("b", [watches.process()]))
    found = families(published(*jobs))
    assert len(found["ebpftrace_process_memory_peak_bytes"].samples) == 1


def test_the_cap_holds_and_what_is_left_out_is_a_metric() -> None:
    many = watches.job("hostile", [watches.process(pid) for pid in range(1, 3000)])
    few = watches.job("small", [watches.process(pid, 1) for pid in range(5001, 5004)])
    state = published(many, few)
    found = families(state, most=1000)
    assert value(found, "ebpftrace_series") <= 800
    assert value(found, "ebpftrace_jobs_left_out") == 0
    keys = [
        one.labels["job_key"] for one in found["ebpftrace_process_memory_peak_bytes"].samples
    ]
    assert keys.count("/ci/small") == 3
    shown = keys.count("/ci/hostile")
    assert shown > 50
    assert value(found, "ebpftrace_processes_left_out") == 2999 - shown
    lines = text(state, most=1000).splitlines()
    assert sum(not line.startswith("#") for line in lines) <= 1000


def test_jobs_with_findings_are_left_out_last() -> None:
    jobs = [watches.job(f"{n}", [watches.process(n + 1)]) for n in range(100)]
    finding = watches.finding(
        subject=watches.finding().subject._replace(job=watches.identity("99"))
    )
    found = families(published(*jobs, findings=(finding,)), most=700)
    assert value(found, "ebpftrace_jobs_left_out") > 50
    assert value(found, "ebpftrace_job_running", job_name="99") == 1


def test_jobs_with_findings_leave_series_to_those_in_other_cgroups() -> None:
    names = [f"hostile-{n}" for n in range(100)]
    jobs = [watches.job(name, [watches.process(n + 1)]) for n, name in enumerate(names)]
    subject = watches.finding().subject
    findings = [
        watches.finding(subject=subject._replace(job=watches.identity(name))) for name in names
    ]
    other = watches.job("other", [watches.process(999)])
    other = replace(other, identity=other.identity._replace(cgroup="/other"))
    found = families(published(*jobs, other, findings=tuple(findings)), most=700)
    assert value(found, "ebpftrace_jobs_left_out") > 50
    assert value(found, "ebpftrace_job_running", job_name="other") == 1


def test_lines_of_what_did_not_change_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def recorded(name: str) -> None:
        real = getattr(module, name)

        def call(one: object, *rest: object) -> object:
            made.append(name)
            return real(one, *rest)

        monkeypatch.setattr(module, name, call)

    recorded("job_rows")
    recorded("process_rows")
    page = MetricsPage(20_000)
    same = watches.job("same", [watches.process(1)])
    first = published(same, watches.job("other", [watches.process(2)]))
    page.render(first, OPEN, compress=False, http={})
    assert sorted(made) == ["job_rows", "job_rows", "process_rows", "process_rows"]
    made.clear()
    assert first.snapshot is not None
    moved = replace(first.snapshot.jobs[1], peak_bytes=5)
    snapshot = first.snapshot._replace(jobs=(first.snapshot.jobs[0], moved))
    page.render(replace(first, snapshot=snapshot), OPEN, compress=False, http={})
    assert made == ["job_rows"]  # its process is the same object


def test_all_clients_get_one_page_until_the_engine_publishes_again() -> None:
    page, state = MetricsPage(20_000), published(watches.job(processes=[watches.process()]))
    first = page.render(state, OPEN, compress=False, http={})[1]
    assert page.render(state, OPEN, compress=False, http={"answered": 1})[1] is first
    assert page.render(replace(state), OPEN, compress=False, http={})[1] is not first


def test_a_page_is_made_anew_where_the_engine_publishes_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_FRESH_SECONDS", 0.0)
    page, state = MetricsPage(20_000), published()
    first = page.render(state, OPEN, compress=False, http={})[1]
    assert page.render(state, OPEN, compress=False, http={})[1] is not first


def test_a_compressed_page_is_the_same() -> None:
    page, state = MetricsPage(20_000), published(watches.job(processes=[watches.process()]))
    _, packed = page.render(state, OPEN, compress=True, http={})
    assert gzip.decompress(packed) == page.render(state, OPEN, compress=False, http={})[1]
