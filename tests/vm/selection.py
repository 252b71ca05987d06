"""Which tests run in a machine when none is named."""

QUICK = (
    "tests/kernel/actions/test_cgroup.py",
    "tests/kernel/actions/test_systemd.py",
    "tests/kernel/actions/test_v2.py",
    "tests/kernel/fuse/test_stop.py",
    "tests/kernel/test_cgroup_v2.py",
    "tests/kernel/test_host_real.py",
    "tests/kernel/test_jobs_real.py",
    "tests/kernel/test_mappings.py",
    "tests/kernel/test_memory.py",
    "tests/kernel/test_namespaces.py",
    "tests/kernel/test_pressure.py",
    "tests/kernel/test_systemd.py",
    "tests/kernel/test_v2_told.py",
    "tests/e2e/test_watch.py",
    "tests/e2e/test_survive.py",
    "tests/e2e/test_systemd.py",
    "tests/e2e/test_machine.py",
    "tests/unit/vm/test_vagrant.py",
)
"""For .ci/run: what the host most likely lacks, v2, systemd, fentry and kprobes."""

ALL = (
    "tests/kernel",
    *(path for path in QUICK if not path.startswith("tests/kernel/")),
    "tests/e2e/test_breaker.py",
    "tests/e2e/dashboard/test_keys.py",
    "tests/e2e/dashboard/test_news.py",
    "tests/e2e/dashboard/test_terminal.py",
)
"""All that needs a kernel, and of what users do all that a machine has the means for."""
