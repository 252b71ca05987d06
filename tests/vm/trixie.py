"""`make test-trixie`: the demo and some kernel tests in a bare Debian 13, on this kernel.

Debian 13 has another bcc, LLVM and Python than Debian 12. The root file system is made by
debootstrap with nothing but git and make; `make demo` has to install the rest, as it does on
a user's machine. It runs in a chroot, so that the kernel is this machine's; by default
only those tests run that depend on bcc and LLVM, and need no machine of their own.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.vm import rootfs
from tests.vm.archive import unanswered
from tests.vm.cache import kept
from tests.vm.run import UnavailableError, VmError, run

SUITE = "trixie"
_PACKAGES = ("ca-certificates", "git", "make")
_TESTS = ("tests/kernel/test_memory.py", "tests/kernel/test_lifecycle.py",
          "tests/kernel/test_mappings.py", "tests/kernel/test_programs.py",
          "tests/kernel/test_watermarks.py",
          "tests/kernel/fuse")  # fmt: skip
_UNAVAILABLE = 69  # EX_UNAVAILABLE
_SETUP = ["make", "--no-print-directory", "-C", "/opt/ebpftrace", "setup"]
_SCRIPT = """\
cd /opt/ebpftrace
make --no-print-directory demo ARGS='--duration 8s --output jsonl' >/tmp/demo.jsonl
tail -n 1 /tmp/demo.jsonl | grep -q '"type":"end"'
echo "the demo ran to its end"
EBPFTRACE_REQUIRE_KERNEL=1 .venv/bin/python -m pytest -q "$@"
"""


def main(arguments: list[str]) -> int:
    """Runs pytest with these arguments, on `_TESTS` where they name none.

    Exit code 0: all passed; 69: Debian's archive cannot be reached from here.
    """
    if all(argument.startswith("-") for argument in arguments):
        arguments = [*_TESTS, *arguments]
    try:
        base = kept("bases", f"{SUITE}-bare", _make_base)
        with tempfile.TemporaryDirectory(prefix="ebpftrace-debian13-") as folder:
            root = Path(folder) / "root"
            run(["cp", "--archive", base, root])
            rootfs.copy_tree(root / "opt/ebpftrace")
            rootfs.reach_archives(root, SUITE)
            command = ["sh", "-ec", _SCRIPT, "sh", *arguments]
            print("debian 13: installing what is missing (make setup)", file=sys.stderr)
            argv, environment = rootfs.inside(root, SUITE, _SETUP, kernel=True)
            with unanswered():
                run(argv, env=environment)
            argv, environment = rootfs.inside(root, SUITE, command, kernel=True)
            return subprocess.run(argv, env=environment, check=False).returncode
    except UnavailableError as error:
        print(f"error: {error}", file=sys.stderr)
        return _UNAVAILABLE
    except VmError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _make_base(folder: Path) -> None:
    rootfs.debootstrap(folder, SUITE, _PACKAGES)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
