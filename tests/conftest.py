"""Prepares the session, marks tests by their folder, and says why one cannot run here."""

import os
import shutil
import tempfile
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.cgroups import begin_run, remove_leftovers
from tests.support.distribution import Scheduling, rank, workers
from tests.support.privileges import kernel_refusal, required
from tests.support.surroundings import reset_surroundings

TESTS = Path(__file__).parent


# How fast an example is decides nothing.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", settings.get_profile("tests"), max_examples=5000)
settings.load_profile("tests")


_HISTORIES = count(1)


def pytest_configure(config: pytest.Config) -> None:
    """No test depends on the shell that started the session."""
    folder = Path(tempfile.mkdtemp(prefix="ebpftrace-history-"))
    reset_surroundings(folder / "config")
    os.environ["EBPFTRACE_HISTORY"] = str(folder / "0.db")
    if not is_worker(config):
        begin_run()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`."""
    return workers(len(os.sched_getaffinity(0)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    """For `-n`, whatever `--dist` says."""
    config.option.loadscopereorder = False
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in tests/kernel is a kernel test, and in tests/e2e/gopls a gopls test."""
    for item in items:
        if item.path.is_relative_to(TESTS / "kernel"):
            item.add_marker(pytest.mark.kernel)
        if item.path.is_relative_to(TESTS / "e2e" / "gopls"):
            item.add_marker(pytest.mark.kernel)
            item.add_marker(pytest.mark.gopls)
    items.sort(key=rank)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Kernel tests skip with the reason, or fail where EBPFTRACE_REQUIRE_KERNEL=1."""
    if item.get_closest_marker("kernel") is None:
        return
    refusal = kernel_refusal()
    if refusal is None:
        return
    if required("kernel"):
        pytest.fail(f"EBPFTRACE_REQUIRE_KERNEL=1, but {refusal}", pytrace=False)
    pytest.skip(f"needs root, BPF and memory cgroups: {refusal}")


@pytest.fixture(autouse=True)
def own_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test has the past of another, and none writes into this machine's history."""
    folder = Path(os.environ["EBPFTRACE_HISTORY"]).parent
    monkeypatch.setenv("EBPFTRACE_HISTORY", str(folder / f"{next(_HISTORIES)}.db"))


def pytest_unconfigure() -> None:
    """Remove all histories."""
    shutil.rmtree(Path(os.environ["EBPFTRACE_HISTORY"]).parent, ignore_errors=True)


def is_worker(config: pytest.Config) -> bool:
    """Whether pytest-xdist started this session as one of several."""
    return hasattr(config, "workerinput")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A memory cgroup that this session made and did not remove fails it."""
    if is_worker(session.config):
        return  # the session that started this worker looks when all have ended
    if left := remove_leftovers():
        print(f"\nmemory cgroups were left behind: {', '.join(left)}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
