"""Findings begin, rise, end, and are reported once."""

from dataclasses import dataclass, replace

from ebpftrace.counters import CgroupContents
from ebpftrace.events import StartCause
from ebpftrace.jobs.identity import JobIdentity
from ebpftrace.judge.detector import Detector, Verdict
from ebpftrace.judge.detectors.growth import GrowthDetector
from ebpftrace.judge.detectors.level import LevelDetector
from ebpftrace.judge.finding import FindingState, FindingUnit, Severity
from ebpftrace.judge.judge import FORGET_NS, Judge
from ebpftrace.judge.samples import Samples
from ebpftrace.judge.verdicts import HOLD_NS
from ebpftrace.ledger import Snapshot
from ebpftrace.units import GIB, MIB, NS_PER_SECOND
from tests.support import watches
from tests.support.pasts import AtMost
from tests.support.scripted_ledger import ScriptedLedger, held

BOUND = 100 * MIB


def reading(second: float, *mibs: int) -> Snapshot:
    """A snapshot with one job a size."""
    jobs = [
        watches.job(f"job-{n}", processes=(watches.process(4711 + n, mib * MIB),))
        for n, mib in enumerate(mibs)
    ]
    return watches.snapshot(*jobs)._replace(monotonic_ns=round(second * NS_PER_SECOND))


def level() -> Judge:
    return Judge([LevelDetector(bound_bytes=BOUND)])


def test_a_finding_begins_once() -> None:
    judge = level()
    assert judge.judge(reading(1, 50)) == ()
    (finding,) = judge.judge(reading(2, 200))
    assert finding.state is FindingState.BEGIN
    assert finding.detector == "level"
    assert finding.subject.process is None
    assert finding.monotonic_ns == 2 * NS_PER_SECOND
    assert finding.time_ns == watches.TIME_NS
    assert finding.sentence.startswith("gopls 4711 in job github/job-0 holds 188 MiB")
    assert judge.judge(reading(3, 200)) == ()
    (active,) = judge.active
    assert active.state is FindingState.CONTINUE
    assert active.key == finding.key
    assert active.since_ns == finding.since_ns


def test_it_ends_when_the_condition_was_away_for_a_while() -> None:
    judge = level()
    judge.judge(reading(1, 200))
    hold = HOLD_NS // NS_PER_SECOND
    assert judge.judge(reading(hold + 1, 50)) == ()
    assert judge.active
    (ended,) = judge.judge(reading(hold + 2, 50))
    assert ended.state is FindingState.END
    assert ended.sentence.startswith("gopls 4711 in job github/job-0: level is over")
    assert judge.active == ()
    (again,) = judge.judge(reading(hold + 3, 200))
    assert again.state is FindingState.BEGIN


def test_a_condition_that_flickers_is_one_finding() -> None:
    judge = level()
    news = [
        one
        for second in range(30)
        for one in judge.judge(reading(second, 50 + 150 * (second % 2)))
    ]
    assert [one.state for one in news] == [FindingState.BEGIN]


class OnBytes(Detector):
    """The properties of the detectors below."""

    units = frozenset({FindingUnit.BYTES})
    measures_gain = False
    sample_every_ns = None
    bytes_to_bound = None


@dataclass(frozen=True)
class Louder(OnBytes):
    """Warning from 100 MiB, critical from 200."""

    name: str = "louder"

    def verdict(self, samples: Samples) -> Verdict | None:
        held = samples.now.held_bytes
        if held < BOUND:
            return None
        severity = Severity.CRITICAL if held > 2 * BOUND else Severity.WARNING
        return Verdict(severity, held, BOUND, FindingUnit.BYTES, samples.now.time_ns, "grew")


def test_a_rise_is_reported_and_a_fall_is_not() -> None:
    judge = Judge([Louder()])
    sizes = (150, 150, 300, 300, 150, 300)
    news = [one for n, mib in enumerate(sizes) for one in judge.judge(reading(n, mib))]
    assert [(one.state, one.severity) for one in news] == [
        (FindingState.BEGIN, Severity.WARNING),
        (FindingState.RISE, Severity.CRITICAL),
    ]
    assert news[1].since_ns == news[0].since_ns
    assert judge.active[0].severity is Severity.CRITICAL


def test_a_job_that_is_gone_ends_and_is_forgotten() -> None:
    judge = level()
    judge.judge(reading(1, 200, 300))
    late = 1 + FORGET_NS // NS_PER_SECOND + 1
    news = judge.judge(reading(late, 200))
    assert [(one.state, one.subject.job.name) for one in news] == [(FindingState.END, "job-1")]
    assert len(judge.active) == 1


def test_processes_are_judged_on_request() -> None:
    judge = Judge([LevelDetector(bound_bytes=BOUND)], processes=True)
    news = judge.judge(reading(1, 200))
    assert [one.subject.process and one.subject.process.pid for one in news] == [None, 4711]
    assert news[1].subject.comm == "gopls"


def test_a_crash_monitor_is_never_the_subject() -> None:
    job = watches.job(processes=(replace(watches.process(), role="telemetry"),))
    news = Judge([LevelDetector(bound_bytes=BOUND)], processes=True).judge(
        watches.snapshot(job)
    )
    assert [one.subject.process for one in news] == [None]


def test_a_kill_is_reported_at_once_and_not_again_by_the_counter() -> None:
    judge = Judge()
    calm = watches.job("build-42", processes=(watches.process(),))
    judge.judge(watches.snapshot(calm)._replace(monotonic_ns=watches.MONOTONIC_NS))
    (finding,) = judge.judge_note(watches.oom_note())
    assert (finding.detector, finding.severity) == ("oom", Severity.CRITICAL)
    assert finding.sentence.startswith("gopls 4711 in job github/build-42 was killed by")
    killed = watches.job("build-42", processes=(watches.process(),), oom_kills=1)
    later = watches.MONOTONIC_NS + NS_PER_SECOND
    assert judge.judge(watches.snapshot(killed)._replace(monotonic_ns=later)) == ()
    assert judge.judge_note(watches.oom_note()) == ()  # each kill has a note of its own
    assert judge.judge_note(watches.loss_note()) == ()


def test_a_kill_in_an_unknown_job_is_reported_too() -> None:
    (finding,) = Judge().judge_note(watches.oom_note())
    assert finding.subject.job == watches.identity()


def test_a_judge_without_the_oom_detector_reports_no_kills() -> None:
    assert level().judge_note(watches.oom_note()) == ()


def test_jobs_that_share_a_cgroup_are_not_charged_with_each_other() -> None:
    def both(alone: bool) -> Snapshot:
        jobs = [
            watches.job(name, processes=(watches.process(resident=64 * MIB),))
            for name in (("a",) if alone else ("a", "b"))
        ]
        contents = CgroupContents(anon_bytes=4 * BOUND)
        shared = [replace(job, cgroup=job.cgroup._replace(contents=contents)) for job in jobs]
        return watches.snapshot(*shared)

    assert len(level().judge(both(alone=True))) == 1
    assert level().judge(both(alone=False)) == ()


@dataclass(frozen=True)
class Kept(OnBytes):
    """From 100 MiB on; ends at once below 60."""

    name: str = "kept"

    def verdict(self, samples: Samples) -> Verdict | None:
        now = samples.now
        if now.held_bytes < BOUND:
            return None
        return Verdict(
            Severity.WARNING, now.held_bytes, BOUND, FindingUnit.BYTES, now.time_ns, "keeps",
            ends_below_bytes=60 * MIB,
        )  # fmt: skip


def test_a_finding_ends_at_once_when_the_memory_was_given_back() -> None:
    judge = Judge([Kept()])
    sizes = (150, 80, 150, 40)
    news = [one.state for n, mib in enumerate(sizes) for one in judge.judge(reading(n, mib))]
    assert news == [FindingState.BEGIN, FindingState.END]


def test_a_job_is_judged_by_its_own_past() -> None:
    asked = []

    def past_of(job: JobIdentity, limit_bytes: int | None) -> AtMost | None:
        asked.append((job.name, limit_bytes))
        return AtMost(BOUND) if job.name == "job-0" else None

    judge = Judge(past_of=past_of)
    for second in range(3):
        assert judge.judge(reading(second, 50, 200)) == ()
    (finding,) = judge.judge(reading(3, 200, 200))
    assert finding.detector == "leak"
    assert finding.subject.job.name == "job-0"
    assert "in its last 3 runs at most 100 MiB" in finding.sentence
    assert set(asked) == {("job-0", 2 * GIB), ("job-1", 2 * GIB)}


def test_what_a_child_shared_is_no_gain_of_it_when_its_parent_ends() -> None:
    book = ScriptedLedger()
    judge = Judge([GrowthDetector(60 * NS_PER_SECOND, 20 * MIB)], processes=True)
    book.start(1, 60)
    book.start(2, how=StartCause.FORK, counters=held(60, inherited=60))
    assert judge.judge(book.snapshot()) == ()
    book.at = 1
    book.exit(1)
    book.read(2, 60)
    assert judge.judge(book.snapshot()) == ()
    book.at = 2
    book.read(2, 85)
    (found,) = (it for it in judge.judge(book.snapshot()) if it.subject.process is not None)
    assert found.measured == 25 * MIB


def test_a_job_at_rest_is_judged_again_when_its_past_was_read() -> None:
    known: list[AtMost] = []
    renewed: list[str] = []
    snapshot = reading(0, 200, 200)
    key = snapshot.jobs[0].identity.key

    def past_of(job: JobIdentity, _limit_bytes: int | None) -> AtMost | None:
        return known[0] if known and job.key == key else None

    judge = Judge(past_of=past_of, renewed=lambda: [renewed.pop()] if renewed else [])
    for second in range(200):
        judge.judge(snapshot._replace(monotonic_ns=second * NS_PER_SECOND))
    assert not judge._awake  # both rest
    known.append(AtMost(BOUND))
    assert judge.judge(snapshot._replace(monotonic_ns=200 * NS_PER_SECOND)) == ()
    renewed.append(key)
    (finding,) = judge.judge(snapshot._replace(monotonic_ns=201 * NS_PER_SECOND))
    assert finding.subject.job.key == key
    assert {subject for subject, _process in judge._awake} == {key}
