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
    "tests/kernel/test_v2_events.py",
    "tests/e2e/test_action.py",
    "tests/e2e/test_run_scope.py",
    "tests/e2e/test_watch.py",
    "tests/e2e/test_systemd.py",
    "tests/e2e/test_machine.py",
    "tests/hostile/test_deep_cgroups.py",
    "tests/hostile/test_threaded_cgroups.py",
    "tests/unit/vm/test_vagrant.py",
)
"""For .ci/run: what the host most likely lacks, v2, systemd, fentry and kprobes."""

ARM64 = (
    "tests/kernel/test_programs.py",
    "tests/kernel/test_lifecycle.py",
    "tests/kernel/test_mappings.py",
    "tests/kernel/test_memory.py",
    "tests/kernel/test_watchdog.py",
    "tests/kernel/test_losses.py",
    "tests/kernel/fuse/test_stop.py",
    "tests/e2e/test_watch.py",
)
"""Emulated on another processor, all of them would take hours."""

LEFT_OUT = {
    "tests/e2e/test_action_install.py": "packages that the machine would have to fetch",
    "tests/e2e/test_ci.py": "a clone and its CI",
    "tests/e2e/test_docs.py": "the documents, which no kernel changes",
    "tests/e2e/test_install.py": "a wheel, and packages that the machine would have to fetch",
    "tests/e2e/test_judgement_live.py": "jobs of 3 GiB in all, at the pace of real processors",
    "tests/e2e/test_make.py": "a clone and its make",
    "tests/e2e/test_package.py": "a package, in a Debian that the machine would have to fetch",
    "tests/e2e/test_setup.py": "an installation; vagrant/provision.sh made the machine with it",
    "tests/e2e/test_thrash.py": "files read and dropped at the pace of a real disk",
    "tests/e2e/gopls": "gopls of several versions, each with GiBs to grow into",
}
"""What users do that is not tried in a machine, and what it needs or is about."""

ALL = (
    "tests/kernel",
    "tests/e2e",
    "tests/hostile/test_deep_cgroups.py",
    "tests/hostile/test_floods.py",
    "tests/hostile/test_signals.py",
    "tests/hostile/test_threaded_cgroups.py",
    "tests/unit/vm/test_vagrant.py",
    *(f"--ignore={path}" for path in LEFT_OUT),
)


def chosen(architecture: str, *, quick: bool) -> tuple[str, ...]:
    """Pytest's arguments for the machines of Debian's name for an architecture."""
    if architecture == "arm64":
        return ARM64
    return QUICK if quick else ALL
