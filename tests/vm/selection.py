"""Which tests run in a machine when none is named."""

QUICK = (
    "tests/kernel",
    "tests/e2e/test_watch.py",
    "tests/e2e/test_survive.py",
    "tests/e2e/test_systemd.py",
    "tests/e2e/test_machine.py",
    "tests/unit/vm/test_vagrant.py",
)
"""What depends on the kernel, on systemd, or on what the machine has and the host may not."""

ALL = (*QUICK, "tests/e2e/test_breaker.py", "tests/e2e/test_dashboard.py")
"""With a leak under a supervisor and the screen: as long again, and alike on every kernel."""
