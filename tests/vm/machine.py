"""One boot under QEMU: two virtual CPUs, three disks, a serial line that is kept."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.vm import initrd, tree
from tests.vm.image import image
from tests.vm.kernels import Kernel
from tests.vm.run import VmError

MEMORY = "2G"


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
    log, tree_disk, result_disk = (
        results / name for name in ("serial.log", "tree.tar", "results.raw")
    )
    tree.pack(tree_disk, {".vm/command": command})
    tree.result_disk(result_disk)
    append = "console=ttyS0 loglevel=3 panic=-1 oops=panic"
    append += " vm.init=systemd systemd.show_status=0" if systemd else ""
    argv = [*_argv(kernel, processor, append, tree_disk, result_disk), "-serial", "stdio"]
    _stream(["timeout", "--kill-after=5", str(seconds), *argv], log)
    arrived = tree.unpack_results(result_disk, results)
    tree_disk.unlink()
    result_disk.unlink()
    status = int((results / "status").read_text()) if arrived else None
    return Boot(status, results, log)


def interactive(kernel: Kernel, folder: Path, processor: Sequence[str]) -> None:
    """A root shell on the serial line, for a person; `exit` turns the machine off.

    Ctrl-A X ends QEMU; Ctrl-C goes to the shell.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tree_disk, result_disk = folder / "tree.tar", folder / "results.raw"
    shell = (
        "cd /opt/ebpftrace; PATH=.venv/bin:$PATH setsid -c bash -i </dev/ttyS0 >/dev/ttyS0 2>&1"
    )
    tree.pack(tree_disk, {".vm/command": shell})
    tree.result_disk(result_disk)
    argv = _argv(kernel, processor, "console=ttyS0 quiet panic=-1", tree_disk, result_disk)
    subprocess.run([*argv, "-serial", "mon:stdio"], check=False)


def _argv(
    kernel: Kernel, processor: Sequence[str], append: str, tree_disk: Path, result_disk: Path
) -> list[str]:
    def drive(path: Path, more: str = "") -> list[str]:
        return ["-drive", f"file={path},format=raw,if=virtio{more}"]

    return [
        "nice", "-n", "5",
        "qemu-system-x86_64", *processor, "-m", MEMORY,
        "-nographic", "-no-reboot", "-nodefaults",
        "-kernel", str(kernel.image), "-initrd", str(initrd.make(kernel)), "-append", append,
        *drive(image(), ",snapshot=on"),
        *drive(tree_disk, ",readonly=on"),
        *drive(result_disk),
        "-device", "virtio-rng-pci",
    ]  # fmt: skip


def _stream(argv: list[str], log: Path) -> None:
    try:
        machine = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except FileNotFoundError as error:
        raise VmError(f"{error.filename} is missing: run scripts/setup-vm") from None
    assert machine.stdout is not None
    with log.open("wb") as file:
        while said := os.read(machine.stdout.fileno(), 1 << 16):
            file.write(said)
            file.flush()
            sys.stdout.buffer.write(said)
            sys.stdout.flush()
    machine.wait()
