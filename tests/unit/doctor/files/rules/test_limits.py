"""Limits below what a job took."""

import pytest

from ebpftrace.doctor.files.context import PastUse
from ebpftrace.doctor.files.lint import lint_text
from ebpftrace.units import MIB

PAST = PastUse("acme/app test", 800 * MIB, 3)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("x.sh", "ebpftrace run --memory 799MiB -- make"),
        ("x.sh", "sudo docker run -m 512m x"),
        ("x.sh", "docker run --memory=512m x"),
        ("x.sh", "systemd-run -p MemoryMax=512M make"),
        ("x.yml", "mem_limit: 0.5g"),
        ("x.yml", "resources:\n  limits:\n    cpu: 1\n    memory: 512Mi"),
    ],
)
def test_a_limit_below_the_past_is_an_error(file: str, text: str) -> None:
    (one,) = lint_text(file, text, PAST)
    assert one.rule.name == "limit-below-past"
    assert "acme/app test took up to 800 MiB in its last 3 runs" in one.seen
    assert lint_text(file, text) == ()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("x.sh", "ebpftrace run --memory 800MiB -- make"),
        ("x.sh", "docker run -m 1g x"),
        ("x.sh", "docker run -m $LIMIT x"),
        ("x.yml", "resources:\n  requests:\n    memory: 512Mi"),
        ("x.yml", "memory: 1Mi"),
    ],
)
def test_other_limits(file: str, text: str) -> None:
    assert lint_text(file, text, PAST) == ()
