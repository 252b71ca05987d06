"""The interface of detectors."""

import pytest

from ebpftrace.judge.detector import Detector
from ebpftrace.judge.detectors.level import LevelDetector

PROPERTIES = sorted(Detector.__abstractmethods__)


@pytest.mark.parametrize("left_out", PROPERTIES)
def test_detector_that_leaves_something_out_cannot_be_created(left_out: str) -> None:
    """None has a default, or a new detector would have a wrong one."""
    kept = {name: getattr(LevelDetector, name) for name in PROPERTIES if name != left_out}
    incomplete = type("Incomplete", (Detector,), kept)
    with pytest.raises(TypeError, match=left_out):
        incomplete()
