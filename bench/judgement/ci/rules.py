"""The rules that are compared: ours without and with a past, others', and a bare level."""

from collections.abc import Sequence

from bench.judgement.ci.cost import Bill, Calls, Rule, acting, bill, result
from bench.judgement.ci.past import earlier_runs, held, past_of
from bench.judgement.ci.recording import Recording
from bench.judgement.rivals import RIVALS
from bench.judgement.trace import snapshots
from ebpftrace.history.past import Past
from ebpftrace.judge.detector import Detector
from ebpftrace.judge.detectors.builtin import BuiltinJudgement, builtin_detectors
from ebpftrace.judge.detectors.exhaustion import ExhaustionDetector
from ebpftrace.judge.detectors.leak import LeakDetector
from ebpftrace.judge.finding import FindingState
from ebpftrace.judge.judge import Judge

PASTS = (0, 1, 3)
CHANGE = 0.8
_CALLS = ("leak", "exhaustion")
LEVELS = (0.8, 0.85, 0.9, 0.925, 0.95)
SETTINGS = tuple(
    (taken, seconds) for taken in (0.93, 0.95, 0.97) for seconds in (60.0, 120.0, 180.0, 240.0)
)
"""Of our judgement without a past: the share that exhausts, and a climb that is too long."""


def judged_by_us(
    recording: Recording, past: Past | None, detectors: Sequence[Detector] | None = None
) -> Calls:
    """The first leak or exhausted limit, and when `--on-breach` would act by default.

    An OOM kill is neither.
    """
    judge = Judge(detectors, past_of=lambda _job, _limit: past)
    acts_on = BuiltinJudgement().acts_on
    called = None
    for snapshot in snapshots(recording.trace):
        now_s = snapshot.monotonic_ns / 1e9
        for finding in judge.judge(snapshot):
            if finding.detector in _CALLS and finding.state is not FindingState.END:
                called = now_s if called is None else called
            if finding.detector != "oom" and acts_on(finding):
                return Calls(now_s if called is None else called, now_s)
    return Calls(called)


def ours(everything: Sequence[Recording], past_runs: int) -> Rule:
    """Ours, with a past of so many earlier runs at most."""

    def judge(recording: Recording) -> Calls:
        past = None
        if past_runs:
            past = past_of(recording, earlier_runs(recording, everything), past_runs)
        return judged_by_us(recording, past)

    words = {0: "no past", 1: "one earlier run", 3: "up to three earlier runs"}
    return Rule(f"ebpftrace, {words[past_runs]}", judge, fuse=True)


def after_a_change(everything: Sequence[Recording], change: float = CHANGE) -> Rule:
    """Ours on runs of which the earlier ones held only so much of what they did."""

    def judge(recording: Recording) -> Calls:
        earlier = [held(one, change) for one in earlier_runs(recording, everything)]
        return judged_by_us(recording, past_of(recording, earlier, max(PASTS)))

    return Rule(f"ebpftrace, after {change:.0%}", judge, fuse=True)


def others() -> list[Rule]:
    return [
        acting(name, lambda recording, rule=rule: rule(recording.trace))  # type: ignore[misc]
        for name, rule in RIVALS.items()
    ]


def level(share: float) -> Rule:
    """Act once so much of the limit is taken by what the kernel cannot drop."""

    def call(recording: Recording) -> float | None:
        for row in recording.rows:
            if row.limit and row.fixed_kib >= share * row.limit:
                return row.t_ms / 1000
        return None

    return acting(f"{share:.1%} of the limit, each snapshot", call)


def chosen_ours(recordings: Sequence[Recording]) -> Bill:
    """Ours with settings chosen without the job: each is judged by what the rest chose."""
    rules = [
        Rule(f"{setting}", lambda one, setting=setting: judged_by_us(  # type: ignore[misc]
            one, None, _detectors(*setting)), fuse=True)
        for setting in SETTINGS
    ]  # fmt: skip
    return leave_one_job_out("ebpftrace, no past, settings chosen without the job",
                             rules, recordings)  # fmt: skip


def chosen_level(recordings: Sequence[Recording]) -> Bill:
    return leave_one_job_out("a level, chosen without the job",
                             [level(share) for share in LEVELS], recordings)  # fmt: skip


def leave_one_job_out(
    name: str, rules: Sequence[Rule], recordings: Sequence[Recording]
) -> Bill:
    """Each job is judged by the cheapest rule on the other jobs.

    Held-out jobs choose nothing. Of rules that cost the same, the last.
    """
    table = [[result(rule, one) for one in recordings] for rule in rules]
    picked = []
    best: dict[str, int] = {}
    for number, recording in enumerate(recordings):
        if recording.job not in best:
            costs = [
                sum(one.cost for one in results
                    if one.recording.job != recording.job and not one.recording.held_out)
                for results in table
            ]  # fmt: skip
            best[recording.job] = max(range(len(rules)), key=lambda rule: (-costs[rule], rule))
        picked.append(table[best[recording.job]][number])
    return Bill(name, tuple(picked))


def all_bills(recordings: Sequence[Recording]) -> list[Bill]:
    """Every rule on every recording, ours first."""
    rules = [ours(recordings, runs) for runs in PASTS]
    rules += [level(0.9), *others()]
    bills = [bill(rule, recordings) for rule in rules]
    return [*bills, chosen_ours(recordings), chosen_level(recordings)]


def _detectors(taken: float, seconds: float) -> tuple[Detector, ...]:
    """The built-in ones, with other settings of exhaustion and leak."""
    changed: dict[type, Detector] = {
        ExhaustionDetector: ExhaustionDetector(bound_share=taken),
        LeakDetector: LeakDetector(long_seconds=seconds),
    }
    return tuple(changed.get(type(one), one) for one in builtin_detectors())
