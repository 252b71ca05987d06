"""What is judged when nobody asked for anything: it only reports."""

from ebpftrace.judge.finding import Severity
from ebpftrace.judge.growth import GrowthDetector
from ebpftrace.judge.leak import LeakDetector
from ebpftrace.judge.level import LevelDetector
from ebpftrace.judge.oom import OomDetector
from ebpftrace.judge.thrash import ThrashDetector
from ebpftrace.judge.verdict import Detector
from ebpftrace.units import NS_PER_SECOND


def builtin_detectors() -> tuple[Detector, ...]:
    """Leaks and a coming end; a burst or a new high is worth a notice and no more."""
    return (
        LeakDetector(),
        ThrashDetector(),
        OomDetector(),
        GrowthDetector(
            15 * NS_PER_SECOND, bound_share=0.4, severity=Severity.NOTICE, name="burst"
        ),
        LevelDetector(bound_share=0.9, severity=Severity.NOTICE, name="high"),
    )
