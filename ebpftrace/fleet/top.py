"""The loop of `ebpftrace top`: asks Prometheus, and gives its view what it answers."""

import contextlib
import platform
from collections.abc import Callable, Iterable
from typing import NamedTuple

from ebpftrace import __version__
from ebpftrace.engine.cost import CostMeter
from ebpftrace.engine.waiting.clock import SystemTime, TimeSource
from ebpftrace.engine.waiting.waiter import Waiter, WakeReason
from ebpftrace.errors import PrometheusError
from ebpftrace.events import ProcessKey
from ebpftrace.fleet.api import PrometheusApi
from ebpftrace.fleet.asker import Asker
from ebpftrace.fleet.fleet import FleetReading, Found, read, snapshot
from ebpftrace.fleet.queries import Fleet
from ebpftrace.judge.finding import Finding, FindingState, FindingUnit, Severity, Subject
from ebpftrace.ledger.clock import Clock
from ebpftrace.text import clean
from ebpftrace.views import View
from ebpftrace.views.start import Remark, Started

FindingKey = tuple[str, str, ProcessKey | None]


class TopOptions(NamedTuple):
    """What is asked for. `match` are further matchers of all series, as PromQL has them."""

    match: str
    most_jobs: int
    interval_ns: int
    once: bool


def top(
    api: PrometheusApi,
    options: TopOptions,
    open_view: Callable[[Waiter], View],
    time: TimeSource | None = None,
) -> None:
    """Until it is interrupted. PrometheusError if the first round of queries fails."""
    with contextlib.ExitStack() as stack:
        waiter = stack.enter_context(Waiter(time))
        _Top(api, options, waiter, time or SystemTime()).run(open_view, stack)


class _Top:
    def __init__(
        self, api: PrometheusApi, options: TopOptions, waiter: Waiter, time: TimeSource
    ) -> None:
        self._options, self._waiter, self._time = options, waiter, time
        self._where = clean(api.endpoint.address)
        self._began_ns = time.monotonic_ns()
        unix_ns = time.unix_ns()
        self._clock = Clock(unix_ns - self._began_ns, unix_ns - time.boottime_ns())
        fleet = Fleet(options.match)
        self._asker = Asker(lambda: read(api, fleet, options.most_jobs, self._clock))
        self._findings: dict[FindingKey, Finding] = {}
        self._sequence = 0
        self._trouble = ""
        self._cost = CostMeter(None, time.monotonic_ns)
        waiter.add_action(self._asker.fd)

    def run(self, open_view: Callable[[Waiter], View], stack: contextlib.ExitStack) -> None:
        """Show answers until a signal or q. The view is opened with the first one."""
        view: View | None = None
        due_ns = self._began_ns
        while True:
            now_ns = self._time.monotonic_ns()
            if now_ns >= due_ns:
                self._asker.ask()
                due_ns = now_ns + self._options.interval_ns
            reason = self._waiter.wait(due_ns - now_ns)
            if reason is WakeReason.READER_LEFT:
                raise BrokenPipeError
            if reason in (WakeReason.STOP, WakeReason.QUIT):
                return
            self._waiter.commands()  # no process of another node can be resumed or killed
            answer = self._asker.take()
            if answer is None:
                continue
            if view is None:
                if isinstance(answer, PrometheusError):
                    raise answer
                view = open_view(self._waiter)
                stack.callback(view.stop)
                view.start(self._started())
            self._show(view, answer)
            if self._options.once:
                return

    def _show(self, view: View, answer: FleetReading | PrometheusError) -> None:
        now_ns = self._time.monotonic_ns()
        if isinstance(answer, PrometheusError):
            trouble = f"{answer.what}: {answer.why}; what is shown is older"
            if trouble != self._trouble:
                self._trouble = trouble
                view.remark(Remark(self._clock.unix_ns(now_ns), now_ns, trouble))
            return
        self._trouble = ""
        for finding in self._changed(answer.findings, now_ns):
            view.finding(finding)
        view.snapshot(snapshot(
            answer, self._where, self._sequence, now_ns, self._began_ns, self._clock,
            self._cost.read(lag_ns=0),
        ))  # fmt: skip
        self._sequence += 1

    def _changed(self, found: Iterable[Found], now_ns: int) -> Iterable[Finding]:
        """The findings that began since the last answer, and those that ended."""
        active: dict[FindingKey, Finding] = {}
        for job, detector, severity in found:
            finding = Finding(
                detector=detector,
                subject=Subject(job),
                severity=_severity(severity),
                measured=0,
                bound=0,
                unit=FindingUnit.BYTES,
                measures_gain=False,
                since_ns=now_ns,
                time_ns=self._clock.unix_ns(now_ns),
                monotonic_ns=now_ns,
                seconds_to_limit=None,
                sentence=f"{job.name} on {job.node}",
            )
            active[finding.key] = finding
        before, self._findings = self._findings, active
        for key, finding in active.items():
            if key in before:
                active[key] = before[key]
            else:
                yield finding
        for key in before.keys() - active.keys():
            yield before[key]._replace(
                state=FindingState.END, monotonic_ns=now_ns, time_ns=self._clock.unix_ns(now_ns)
            )

    def _started(self) -> Started:
        return Started(
            time_ns=self._clock.unix_ns(self._began_ns),
            monotonic_ns=self._began_ns,
            version=__version__,
            watching=self._where,
            kernel=platform.release(),
            cgroups="",
            interval_ns=self._options.interval_ns,
            features=(),
        )


def _severity(name: str) -> Severity:
    try:
        return Severity[name.upper()]
    except KeyError:
        return Severity.NOTICE  # of a newer version
