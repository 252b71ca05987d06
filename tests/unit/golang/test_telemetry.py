"""A crash monitor is known by its first argument alone."""

import pytest

from ebpftrace.golang.telemetry import is_crash_monitor


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("gopls", "** telemetry **"), True),
        (("/opt/gopls", "** telemetry **", "more"), True),
        (["gopls", "** telemetry **"], True),
        (("gopls", "-mode=stdio"), False),
        (("gopls", "serve", "** telemetry **"), False),
        (("** telemetry **",), False),
        ((), False),
    ],
)
def test_crash_monitor_is_recognised_by_its_first_argument(
    args: tuple[str, ...], expected: bool
) -> None:
    assert is_crash_monitor(args) is expected
