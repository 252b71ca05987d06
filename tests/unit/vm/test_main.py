"""tests/vm/__main__.py: what counts as a failure. The machine is a scripted fake."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.vm import __main__ as vm
from tests.vm import accel, kernels, machine
from tests.vm.flavours import Flavour
from tests.vm.kernels import Kernel, Offer
from tests.vm.machine import Boot
from tests.vm.results import known_of
from tests.vm.run import UnavailableError
from tests.vm.selection import ALL, ARM64

PASSED = '<testsuites><testsuite><testcase classname="t" name="a" /></testsuite></testsuites>'
TESTS = "tests/unit/vm/test_main.py"
SILENT = PASSED.replace(" />", "><skipped /></testcase>")
INT3 = "Oops: int3: 0000 [#1] PREEMPT SMP NOPTI"
PANIC = "Kernel panic - not syncing: Attempted to kill init!"

BootEnd = tuple[int | None, str]
"""How a boot ends: the command's exit code, None if none came back; and the last words."""


@pytest.fixture
def boots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[BootEnd]:
    """The boots to come, with junit.xml in place of last words where there is a code."""
    scripted: list[BootEnd] = []

    def boot(kernel: Kernel, command: str, results: Path, **_: Any) -> Boot:
        status, text = scripted.pop(0)
        results.mkdir(parents=True)
        log = results / "serial.log"
        log.write_text(text)
        (results / "junit.xml").write_text(text)
        return Boot(status, results, log)

    monkeypatch.setattr(machine, "boot", boot)
    monkeypatch.setattr(vm, "RESULTS", tmp_path)
    monkeypatch.setattr(kernels, "fetch", lambda series, *_: Kernel(series, series, tmp_path))
    monkeypatch.setattr(accel, "processor", lambda *_: ())
    return scripted


@pytest.mark.parametrize(
    ("results", "code"),
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
def test_exit_code_follows_the_boots(
    boots: list[BootEnd], results: Sequence[BootEnd], code: int
) -> None:
    boots.extend(results)
    assert CliRunner().invoke(vm.main, ["--kernel", "6.12"]).exit_code == code
    assert boots == []


def test_rerun_by_name_is_merged_into_the_results(boots: list[BootEnd], tmp_path: Path) -> None:
    file = tmp_path / "6.12.json"
    here = PASSED.replace('"t"', '"tests.unit.vm.test_main"')
    failed = here.replace(" />", "><failure /></testcase>")
    boots.extend([(1, failed.replace('"a"', '"b"')), (1, failed), (0, here), (0, here)])
    CliRunner().invoke(vm.main, [])
    CliRunner().invoke(vm.main, ["--", "-k", "a"])
    assert known_of(file) == {f"{TESTS}::a": "failed", f"{TESTS}::b": "failed"}
    CliRunner().invoke(vm.main, ["--quick"])
    assert known_of(file) == {f"{TESTS}::a": "passed", f"{TESTS}::b": "failed"}
    CliRunner().invoke(vm.main, [])
    assert known_of(file) == {f"{TESTS}::a": "passed"}


def test_failure_of_an_earlier_kernel_decides_the_exit_code(boots: list[BootEnd]) -> None:
    boots.extend([(1, PASSED), (0, PASSED)])
    assert CliRunner().invoke(vm.main, ["--kernel", "6.1", "--kernel", "6.12"]).exit_code == 1


@pytest.mark.parametrize("gone", ["5.10", "6.1"])
def test_unavailable_kernel_is_skipped_and_hides_no_failure(
    boots: list[BootEnd], monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    def take(offer: Offer) -> Kernel:
        if offer.series == gone:
            raise UnavailableError("no answer")
        return kernels.fetch(offer.series)

    series = ("5.10", "6.1", "6.12")
    monkeypatch.setattr(
        kernels, "offers", lambda _: {one: Offer(one, one, "s") for one in series}
    )
    monkeypatch.setattr(kernels, "take", take)
    boots.extend([(1, PASSED), (0, PASSED)])
    done = CliRunner().invoke(vm.main, ["--all"])
    assert done.exit_code == 1
    assert f"{gone} is not to be had here: no answer" in done.output
    assert f"failed on {'6.1' if gone == '5.10' else '5.10'}, {gone}" in done.output
    assert boots == []


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [
        (["-k", "foo"], (*ALL, "-k", "foo")),
        (["tests/kernel/test_memory.py", "-x"], ("tests/kernel/test_memory.py", "-x")),
        (["tests/kernel/test_memory.py::test_one"], ("tests/kernel/test_memory.py::test_one",)),
    ],
)
def test_other_arguments_are_added_to_the_selection(
    boots: list[BootEnd],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    chosen: tuple[str, ...],
) -> None:
    seen: list[tuple[str, ...]] = []

    def tested(_kernel: Kernel, _seconds: int, pytest: tuple[str, ...], *_: bool) -> bool:
        seen.append(pytest)
        return True

    monkeypatch.setattr(vm, "_tested", tested)
    CliRunner().invoke(vm.main, ["--", *arguments])
    assert seen == [chosen]


def test_missing_machine_has_its_own_exit_code(
    boots: list[BootEnd], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(series: str, _flavour: Flavour) -> Kernel:
        raise UnavailableError("no archive")

    monkeypatch.setattr(kernels, "fetch", fetch)
    done = CliRunner().invoke(vm.main, [])
    assert done.exit_code == vm.UNAVAILABLE
    assert "no archive" in done.output


def test_machine_with_another_processor_runs_a_part_without_systemd(
    boots: list[BootEnd], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[object, ...]] = []

    def tested(kernel: Kernel, _seconds: int, *arguments: object) -> bool:
        seen.append((kernel.flavour.name, *arguments))
        return True

    monkeypatch.setattr(vm, "_tested", tested)
    monkeypatch.setattr(
        kernels, "fetch", lambda series, flavour: Kernel(series, series, Path(), flavour)
    )
    done = CliRunner().invoke(vm.main, ["--arch", "arm64", "--pages", "16"])
    assert done.exit_code == 0
    assert seen == [("arm64-16k", ARM64, False, True)]
    done = CliRunner().invoke(vm.main, ["--arch", "arm64", "--pages", "64"])
    assert done.exit_code == vm.UNAVAILABLE
