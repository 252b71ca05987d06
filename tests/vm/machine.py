"""One boot under QEMU: two virtual CPUs, three disks, a serial line that is kept."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.vm import accel, initrd, tree
from tests.vm.flavours import ARM64
from tests.vm.foreign import image_of
from tests.vm.kernels import Kernel
from tests.vm.run import UnavailableError

MEMORY = "2G"

_SYSTEMD = "vm.init=systemd systemd.show_status=0"


@dataclass(frozen=True, slots=True)
class Boot:
    """What one boot left behind: the command's exit code, None if none came back."""

    status: int | None
    results: Path
    log: Path


def boot(
    kernel: Kernel,
    command: str,
    results: Path,
    *,
    processor: Sequence[str],
    seconds: int,
    systemd: bool = False,
) -> Boot:
    """Run a shell command on the working tree inside; its .vm/results come to `results`.

    The serial line is copied to our standard output and to `serial.log`. After `seconds`
    the machine is ended.
    """
    results.mkdir(parents=True, exist_ok=True)
    log = results / "serial.log"
    append = f"console={_console(kernel)} loglevel=3 panic=-1 oops=panic vm.tests"
    append += f" {_SYSTEMD}" if systemd else ""
    with tempfile.TemporaryDirectory(dir=results) as folder:
        disks = _disks(kernel, Path(folder), command)
        argv = [*_argv(kernel, processor, append, disks), "-serial", "stdio"]
        _stream(["timeout", "--kill-after=5", str(seconds), *argv], log)
        arrived = tree.unpack_results(disks.results, results)
    status = int((results / "status").read_text()) if arrived else None
    return Boot(status, results, log)


def processor(
    kernel: Kernel, trying: Callable[[str], None] = lambda _option: None
) -> tuple[str, ...]:
    """What serves here as a processor, found by trial boots; `trying` is called with each."""

    def boots(options: tuple[str, ...]) -> bool:
        trying(options[1])
        with tempfile.TemporaryDirectory() as folder:
            trial = boot(
                kernel, "true", Path(folder), processor=options, seconds=accel.TRIAL_SECONDS
            )
        return trial.status == 0

    if kernel.flavour.architecture is ARM64:
        return accel.ARM64
    return accel.processor(boots, kernel.series)


def interactive(kernel: Kernel, processor: Sequence[str]) -> None:
    """A root shell on the serial line, for a person; `exit` turns the machine off.

    It is the machine that Vagrant makes: systemd, and a gopls that is running. Ctrl-A X ends
    QEMU; Ctrl-C goes to the shell.
    """
    console = _console(kernel)
    shell = f"cd /opt/ebpftrace; setsid -c bash -i </dev/{console} >/dev/{console} 2>&1"
    append = f"console={console} quiet panic=-1"
    append += "" if kernel.flavour.architecture.foreign else f" {_SYSTEMD}"
    with tempfile.TemporaryDirectory() as folder:
        disks = _disks(kernel, Path(folder), shell)
        argv = _argv(kernel, processor, append, disks)
        subprocess.run([*argv, "-serial", "mon:stdio"], check=False)


@dataclass(frozen=True, slots=True)
class _Disks:
    """The files of one boot, beside the kernel and the image."""

    initrd: Path
    tree: Path
    results: Path


def _console(kernel: Kernel) -> str:
    return kernel.flavour.architecture.console


def _disks(kernel: Kernel, folder: Path, command: str) -> _Disks:
    disks = _Disks(folder / "initrd.gz", folder / "tree.tar", folder / "results.raw")
    initrd.make(kernel, disks.initrd)
    tree.pack(disks.tree, {".vm/command": command})
    tree.result_disk(disks.results)
    return disks


def _argv(kernel: Kernel, processor: Sequence[str], append: str, disks: _Disks) -> list[str]:
    def drive(path: Path, more: str = "") -> list[str]:
        return ["-drive", f"file={path},format=raw,if=virtio{more}"]

    return [
        "nice", "-n", "5",
        *kernel.flavour.architecture.qemu, *processor, "-m", MEMORY,
        "-nographic", "-no-reboot", "-nodefaults",
        "-kernel", str(kernel.image), "-initrd", str(disks.initrd), "-append", append,
        *drive(image_of(kernel.flavour.architecture), ",snapshot=on"),
        *drive(disks.tree, ",readonly=on"),
        *drive(disks.results),
        "-device", "virtio-rng-pci",
    ]  # fmt: skip


def _stream(argv: list[str], log: Path) -> None:
    try:
        machine = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            close_fds=False,  # as in run
        )
    except FileNotFoundError as error:
        raise UnavailableError(f"{error.filename} is missing: run scripts/setup-vm") from None
    assert machine.stdout is not None
    with log.open("wb") as file:
        while said := os.read(machine.stdout.fileno(), 1 << 16):
            file.write(said)
            file.flush()
            sys.stdout.buffer.write(said)
            sys.stdout.flush()
    machine.wait()
