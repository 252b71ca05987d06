"""Which tests run in a machine when none is named."""

ALL = (
    "tests/kernel",
    "tests/e2e/test_watch.py",
    "tests/e2e/test_breaker.py",
    "tests/e2e/test_dashboard.py",
    "tests/e2e/test_survive.py",
    "tests/e2e/test_systemd.py",
    "tests/e2e/test_machine.py",
    "tests/unit/vm/test_vagrant.py",
)
"""What needs a kernel. The rest of tests/e2e and tests/unit is the same on all of them."""

QUICK = ALL
