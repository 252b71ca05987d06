"""tests/vm/__main__.py: what counts as a failure. The machine is a fake that ends as told."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.vm import __main__ as vm
from tests.vm import accel, kernels, machine
from tests.vm.kernels import Kernel
from tests.vm.machine import Boot
from tests.vm.run import UnavailableError

PASSED = '<testsuites><testsuite><testcase classname="t" name="a" /></testsuite></testsuites>'
SILENT = PASSED.replace(" />", "><skipped /></testcase>")
INT3 = "Oops: int3: 0000 [#1] PREEMPT SMP NOPTI"
PANIC = "Kernel panic - not syncing: Attempted to kill init!"

Told = tuple[int | None, str]
"""How a boot ends: the command's exit code, None if none came back; and the last words."""


@pytest.fixture
def boots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Told]:
    """The boots to come, with junit.xml in place of last words where there is a code."""
    told: list[Told] = []

    def boot(kernel: Kernel, command: str, results: Path, **_: Any) -> Boot:
        status, text = told.pop(0)
        results.mkdir(parents=True)
        log = results / "serial.log"
        log.write_text(text)
        (results / "junit.xml").write_text(text)
        return Boot(status, results, log)

    monkeypatch.setattr(machine, "boot", boot)
    monkeypatch.setattr(vm, "RESULTS", tmp_path)
    monkeypatch.setattr(kernels, "fetch", lambda series: Kernel(series, series, tmp_path))
    monkeypatch.setattr(accel, "processor", lambda *_: ())
    return told


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ([(0, PASSED)], 0),
        ([(1, PASSED)], 1),
        ([(0, SILENT)], 1),
        ([(None, PANIC)], 1),
        ([(None, INT3), (0, PASSED)], 0),
        ([(None, INT3), (None, INT3)], 1),
    ],
    ids=["passed", "failed", "silent", "panic", "emulator", "emulator twice"],
)
def test_how_it_ends(boots: list[Told], told: Sequence[Told], code: int) -> None:
    boots.extend(told)
    assert CliRunner().invoke(vm.main, ["--kernel", "6.12"]).exit_code == code
    assert boots == []


def test_one_kernel_that_failed_does_not_hide_behind_the_next(boots: list[Told]) -> None:
    boots.extend([(1, PASSED), (0, PASSED)])
    assert CliRunner().invoke(vm.main, ["--kernel", "6.1", "--kernel", "6.12"]).exit_code == 1


def test_where_there_is_no_machine_that_is_another_exit_code(
    boots: list[Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(series: str) -> Kernel:
        raise UnavailableError("no archive")

    monkeypatch.setattr(kernels, "fetch", fetch)
    done = CliRunner().invoke(vm.main, [])
    assert done.exit_code == vm.UNAVAILABLE
    assert "no archive" in done.output
