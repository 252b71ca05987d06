"""tests/vm/skips.py: what a machine has is not skipped there."""

import pytest

from tests.vm.skips import unexpected

FENTRY = "this kernel does not allow fentry: no BPF trampoline"
SYSTEMD = "systemd is not process 1 here; the machines of tests/vm can have it"


@pytest.mark.parametrize(
    ("reason", "series", "systemd", "expected"),
    [
        ("no v1 freezer here", "6.12", True, True),
        ("this kernel has no memory.reclaim (Linux 5.19)", "5.10", True, True),
        ("this kernel has no memory.reclaim (Linux 5.19)", "6.1", True, False),
        ("this kernel has no memory.peak", "7.3", True, False),
        (FENTRY, "5.10", True, False),
        (
            "the memory controller is on cgroup v1 here; `make test-vm` has v2",
            "6.1",
            True,
            False,
        ),
        (SYSTEMD, "6.1", True, False),
        (SYSTEMD, "6.1", False, True),
        ("unconditional skip", "6.1", True, False),
        ("", "6.1", True, False),
    ],
)
def test_skip_reason_must_be_true_of_the_machine(
    reason: str, series: str, systemd: bool, expected: bool
) -> None:
    junit = f"""<testsuite>
        <testcase classname="t" name="b"><skipped message="{reason}" /></testcase>
        </testsuite>"""
    found = unexpected(junit, series, systemd)
    assert found == ([] if expected else [f"t.b: {reason or 'without a reason'}"])
