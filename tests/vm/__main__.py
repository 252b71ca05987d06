"""`python -m tests.vm --kernel 6.12 -- tests/kernel`: pytest inside a booted kernel.

Exit code 0: every machine ran its tests, and none failed, hung or was skipped for
what it has; 1: one did, or could not be made; 69 (EX_UNAVAILABLE): what machines are made with
is not to be had here, so that nothing was tested.
"""

import platform
import shlex
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from tests.vm import accel, flavours, kernels, machine, results, selection, skips
from tests.vm.flavours import ARCHITECTURES, Flavour
from tests.vm.lock import locked
from tests.vm.paths import RESULTS
from tests.vm.run import UnavailableError, VmError

UNAVAILABLE = 69

_BOOTS = 2
"""When the emulator fails: a test that makes it fail each time is a failure all the same."""

_COMMAND = """\
.venv/bin/python -m tests.vm.features >.vm/results/features.json
export EBPFTRACE_REQUIRE_KERNEL=1 EBPFTRACE_TEST_PATIENCE=3
.venv/bin/python -m pytest -p no:cacheprovider --durations=10 --timeout=360 \\
    --junitxml=.vm/results/junit.xml {} 2>&1
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--kernel", "series", multiple=True, help="Series; repeats. Default: 6.12.")
@click.option(
    "--all", "everything", is_flag=True, help="The newest of every series that Debian has."
)
@click.option("--arch", type=click.Choice(ARCHITECTURES), default="amd64", show_default=True,
              help="The machine's processor.")  # fmt: skip
@click.option("--pages", default=4, show_default=True, help="Size of its pages, in KiB.")
@click.option("--seconds", default=5400, show_default=True, help="Longest life of a machine.")
@click.option("--systemd/--plain", default=True, help="Process 1. Default: systemd.")
@click.option("--quick", is_flag=True, help="Only the tests that .ci/run has time for.")
@click.option("--shell", is_flag=True, help="A root shell inside, for a person.")
@click.argument("pytest", nargs=-1, type=click.UNPROCESSED)
def main(
    series: tuple[str, ...],
    everything: bool,
    arch: str,
    pages: int,
    seconds: int,
    systemd: bool,
    quick: bool,
    shell: bool,
    pytest: tuple[str, ...],
) -> None:
    """Run PYTEST's arguments on the working tree in a machine.

    Arguments that name no test are added to the tests that run there by default.
    """
    whole = not quick and not pytest
    if not any(map(_names_tests, pytest)):
        pytest = (*selection.chosen(arch, quick=quick), *pytest)
    try:
        flavour = flavours.flavour(arch, pages)
        name, foreign = flavour.architecture.name, flavour.architecture.foreign
        if not foreign and platform.machine() != name:
            raise UnavailableError(f"its kernel is for {name}, not {platform.machine()}")
        systemd = systemd and not foreign
        if shell:
            kernel = kernels.fetch((*series, "6.12")[0], flavour)
            machine.interactive(kernel, _processor(kernel))
            return
        takes = _takes(series or ("6.12",), everything, flavour)
    except UnavailableError as error:
        click.echo(f"vm: there is no machine to be had here: {error}", err=True)
        sys.exit(UNAVAILABLE)
    except VmError as error:
        raise click.ClickException(str(error)) from None
    failed, missing = [], []
    for name, take in takes.items():
        try:
            if not _tested(take(), seconds, pytest, systemd, whole):
                failed.append(name)
        except UnavailableError as error:
            click.echo(f"vm: {name} is not to be had here: {error}", err=True)
            missing.append(name)
        except VmError as error:
            click.echo(f"vm: {name}: {error}", err=True)
            failed.append(name)
    if len(missing) == len(takes):
        sys.exit(UNAVAILABLE)
    if failed or missing:
        click.echo(f"vm: failed on {', '.join(failed + missing)}; see {RESULTS}", err=True)
        sys.exit(1)


def _names_tests(argument: str) -> bool:
    return not argument.startswith("-") and Path(argument.partition("::")[0]).exists()


def _takes(
    series: tuple[str, ...], everything: bool, flavour: Flavour
) -> dict[str, Callable[[], kernels.Kernel]]:
    """How the kernel of each series is had: of all of them, the archive's newest."""
    if everything:
        return {
            name: partial(kernels.take, one) for name, one in kernels.offers(flavour).items()
        }
    return {name: partial(kernels.fetch, name, flavour) for name in series}


def _tested(
    kernel: kernels.Kernel, seconds: int, pytest: tuple[str, ...], systemd: bool, whole: bool
) -> bool:
    name = kernel.name
    command = _COMMAND.format(shlex.join(pytest))
    folder: Path = RESULTS / name
    with locked(RESULTS / f"{name}.lock", f"tests on {name}"):
        for _ in range(_BOOTS):
            shutil.rmtree(folder, ignore_errors=True)
            done = machine.boot(
                kernel,
                command,
                folder,
                processor=_processor(kernel),
                seconds=seconds,
                systemd=systemd,
            )
            if done.status is not None or not _emulator_died(done.log):
                break
            click.echo(f"vm: {name}: the emulator failed its kernel", err=True)
        if done.status is None:
            click.echo(f"vm: {name} hung or died; its last words: {done.log}", err=True)
        junit = folder / "junit.xml"
        if done.status is not None and junit.exists():
            results.keep(RESULTS / f"{kernel.release}.json", junit.read_text(), whole=whole)
        if done.status != 0:
            return False
        skipped = skips.unexpected(junit.read_text(), kernel.series, systemd)
    for test in skipped:
        click.echo(f"vm: {name}: skipped, and need not have been: {test}", err=True)
    return not skipped


def _emulator_died(log: Path) -> bool:
    return accel.EMULATOR_DIED in log.read_bytes()


def _processor(kernel: kernels.Kernel) -> tuple[str, ...]:
    def trying(option: str) -> None:
        click.echo(f"vm: trying {option} for at most {accel.TRIAL_SECONDS} s", err=True)

    return machine.processor(kernel, trying)


if __name__ == "__main__":
    main()
