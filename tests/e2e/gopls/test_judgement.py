"""Real gopls judged live: its burst on a real module is fine, its leak is not.

Both at once, each with its own memory cgroup. The leak is the file store's (a big file
replaced by rename is kept for ever); it runs until the kernel ends it.
"""

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.judgement.real import burst_old, rewrite
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.gomodule import ModuleMissingError
from tests.support.gopls_install import TOOLCHAINS, GoplsMissingError, gopls_binary
from tests.support.patience import patient
from tests.support.privileges import required
from tests.support.records import Ended, Record, Watch

pytestmark = pytest.mark.timeout(patient(400))

MIB = 1 << 20
LEAK_LIMIT, BURST_LIMIT = 896 * MIB, 2048 * MIB


@dataclass(frozen=True)
class Judged:
    """What the watch wrote, and whose cgroup is whose."""

    ended: Ended
    leaking: str
    bursting: str

    def found(self, cgroup: str) -> list[Record]:
        return [one for one in self.ended.of_type("finding") if one["job"]["cgroup"] == cgroup]

    def largest(self, cgroup: str) -> int:
        sizes: list[int] = [
            job["contents"]["anon_bytes"]
            for record in self.ended.of_type("snapshot")
            for job in record["jobs"]
            if job["cgroup"] == cgroup and job["contents"]  # none once it is removed
        ]
        return max(sizes)


@pytest.fixture(scope="module")
def judged() -> Iterator[Judged]:
    for version in TOOLCHAINS:
        try:
            gopls_binary(version)
        except GoplsMissingError as error:
            if required("gopls"):
                pytest.fail(f"EBPFTRACE_REQUIRE_GOPLS=1, but {error}", pytrace=False)
            pytest.skip(str(error))
    failures: list[BaseException] = []
    with (
        memory_cgroup(limit=LEAK_LIMIT) as leaking,
        memory_cgroup(limit=BURST_LIMIT) as bursting,
        Watch("--comm", "gopls", "--children", "--interval", "500ms") as watch,
    ):
        threads = [
            threading.Thread(target=_driven, args=(driver, group, failures))
            for driver, group in ((rewrite, leaking), (burst_old, bursting))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ended = watch.stop()
    if failures and isinstance(failures[0], GoplsMissingError | ModuleMissingError):
        pytest.skip(str(failures[0]))
    yield Judged(ended, leaking.name, bursting.name)


def _driven(
    driver: Callable[[MemoryCgroup, Path], object],
    group: MemoryCgroup,
    failures: list[BaseException],
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="ebpftrace-judge-"))
    try:
        driver(group, folder)
    except (GoplsMissingError, ModuleMissingError, OSError) as error:
        failures.append(error)  # OSError: it was taken in the middle of a message
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_the_limit_is_forecast_long_before_the_leak_reaches_it(judged: Judged) -> None:
    forecasts = [one for one in judged.found(judged.leaking) if one["detector"] == "forecast"]
    assert forecasts
    assert forecasts[0]["sentence"].startswith("gopls ")
    snapshot = next(
        record
        for record in judged.ended.of_type("snapshot")
        if record["monotonic_ns"] == forecasts[0]["monotonic_ns"]
    )
    job = next(one for one in snapshot["jobs"] if one["cgroup"] == judged.leaking)
    assert job["contents"]["anon_bytes"] < 0.8 * LEAK_LIMIT
    assert judged.largest(judged.leaking) > 0.8 * LEAK_LIMIT


def test_the_burst_is_no_more_than_a_notice(judged: Judged) -> None:
    assert judged.largest(judged.bursting) > 300 * MIB
    found = judged.found(judged.bursting)
    assert [one["sentence"] for one in found if one["severity"] != "notice"] == []
