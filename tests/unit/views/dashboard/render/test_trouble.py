from collections.abc import Sequence

from ebpftrace.events import ProcessKey
from ebpftrace.judge.finding import Finding, FindingUnit, Severity, Subject
from ebpftrace.ledger import JobSnapshot, OomNote
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from ebpftrace.views.dashboard.model.screen_data import ScreenData
from ebpftrace.views.dashboard.render.trouble import Trouble, holder, short_name, trouble_of
from tests.support import watches
from tests.support.dashboards import PLAIN

CALM = [watches.process(resident=100 * MIB)]
FULL = [watches.process(resident=1000 * MIB)]
LATER_NS = 61 * NS_PER_SECOND


def trouble(
    job: JobSnapshot, findings: Sequence[Finding] = (), kill: OomNote | None = None
) -> Trouble:
    key = job.identity.key
    kills = {key: kill} if kill else {}
    screen = ScreenData(None, watches.snapshot(job), findings={key: findings}, kills=kills)
    return trouble_of(job, screen)


def signs(found: Trouble) -> str:
    return "".join(sign for sign, _ in found.signs(PLAIN))


def job(**changes: object) -> JobSnapshot:
    return watches.job("one", limit=GIB, **changes)  # type: ignore[arg-type]


def ago(ns: int) -> OomNote:
    return watches.oom_note(monotonic_ns=watches.MONOTONIC_NS - ns)


def test_danger_by_usage() -> None:
    assert signs(trouble(job(processes=CALM))) == ""
    assert signs(trouble(job(processes=[watches.process(resident=850 * MIB)]))) == "▲"
    assert signs(trouble(job(processes=FULL))) == "!"


def test_findings_by_severity() -> None:
    for severity, sign in (
        (Severity.NOTICE, ""),
        (Severity.WARNING, "▲"),
        (Severity.CRITICAL, "!"),
    ):
        found = trouble(job(processes=CALM), [watches.finding(severity=severity)])
        assert signs(found) == sign
        assert found.urgent == bool(sign)
        assert found.finding_since == "11:59:19"


def test_frozen_takes_precedence_over_near_and_keeps_the_kill_sign() -> None:
    full = job(processes=FULL, oom_kills=2)
    news = watches.fuse_event(process=FULL[0].key)
    screen = ScreenData(None, watches.snapshot(full), stopped={news.process: news})
    found = trouble_of(full, screen)
    assert signs(found) == "❆✗"
    assert found.urgent
    assert list(found.frozen) == [news]


def test_a_kill_neither_hides_nor_causes_danger() -> None:
    kill = watches.finding(detector="oom", unit=FindingUnit.KILLS, severity=Severity.CRITICAL)
    assert signs(trouble(job(processes=FULL, oom_kills=2))) == "!✗"
    assert signs(trouble(job(processes=CALM, oom_kills=2), [kill])) == "✗"


def test_a_kill_is_urgent_for_a_minute() -> None:
    killed = job(processes=CALM, oom_kills=1)
    assert trouble(killed, (), ago(0)).urgent
    assert trouble(killed, (), ago(0)).last_kill == "12:00:07"
    assert not trouble(killed, (), ago(LATER_NS)).urgent
    assert trouble(job(processes=FULL, oom_kills=1), (), ago(LATER_NS)).urgent


def test_a_kill_known_only_from_the_counter_has_the_time_of_its_finding() -> None:
    kill = watches.finding(detector="oom", unit=FindingUnit.KILLS)
    assert trouble(job(oom_kills=1), [kill]).last_kill == "11:59:19"
    assert trouble(job(oom_kills=1), [kill]).recent
    assert trouble(job(oom_kills=1)).last_kill == ""


def test_holder_is_the_process_of_the_finding_or_the_largest() -> None:
    crowd = job(processes=[watches.process(1, MIB), watches.process(2, 9 * MIB, comm="go")])
    assert holder(crowd, watches.finding()) == "go 2"
    child = Subject(crowd.identity, ProcessKey(1, 1), "gopls")
    assert holder(crowd, watches.finding(subject=child)) == "gopls 1"
    assert holder(job(), None) == ""


def test_short_name_is_the_detector_without_its_bounds() -> None:
    assert short_name(watches.finding()) == "growth"
    assert short_name(watches.finding(detector="time_to_limit")) == "time to limit"
