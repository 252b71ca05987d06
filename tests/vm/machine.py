"""One boot under QEMU: two virtual CPUs, three disks, a serial line that is kept."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.vm import initrd, tree
from tests.vm.image import image
from tests.vm.kernels import Kernel
from tests.vm.run import VmError

MEMORY = "2G"

# A guest with cmpxchg16b died of a double fault in kmem_cache_alloc under QEMU 7.2.
_CPU = ("-accel", "tcg,thread=multi", "-cpu", "max,-cx16", "-smp", "2")


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
    seconds: int,
    systemd: bool = False,
    options: str = "",
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
    append = f"console=ttyS0 loglevel=3 panic=-1 oops=panic {options}"
    append += " vm.init=systemd systemd.show_status=0" if systemd else ""
    argv = _argv(kernel, append, tree_disk, result_disk)
    _stream(["timeout", "--kill-after=5", str(seconds), *argv], log)
    arrived = tree.unpack_results(result_disk, results)
    tree_disk.unlink()
    result_disk.unlink()
    status = int((results / "status").read_text()) if arrived else None
    return Boot(status, results, log)


def interactive(kernel: Kernel, folder: Path) -> None:
    """A root shell on the serial line, for a person; `exit` turns the machine off."""
    folder.mkdir(parents=True, exist_ok=True)
    tree_disk, result_disk = folder / "tree.tar", folder / "results.raw"
    shell = (
        "cd /opt/ebpftrace; PATH=.venv/bin:$PATH setsid -c bash -i </dev/ttyS0 >/dev/ttyS0 2>&1"
    )
    tree.pack(tree_disk, {".vm/command": shell})
    tree.result_disk(result_disk)
    subprocess.run(
        _argv(kernel, "console=ttyS0 quiet panic=-1", tree_disk, result_disk), check=False
    )


def _argv(kernel: Kernel, append: str, tree_disk: Path, result_disk: Path) -> list[str]:
    def drive(path: Path, more: str = "") -> list[str]:
        return ["-drive", f"file={path},format=raw,if=virtio{more}"]

    return [
        "nice", "-n", "5",
        "qemu-system-x86_64", *_CPU, "-m", MEMORY,
        "-nographic", "-no-reboot", "-nodefaults", "-serial", "stdio",
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
