"""Programs for a module run as its owner, and within bounds."""

import os
import sys
from pathlib import Path

import pytest

from ebpftrace.doctor.module.owner import ModuleOwner, Ran
from ebpftrace.errors import EbpftraceError, UntrustedError
from ebpftrace.units import MIB
from tests.support.process_state import lives, until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    return tmp_path


def run(owner: ModuleOwner, code: str, seconds: float = 60, most_bytes: int = MIB) -> Ran:
    return owner.run([sys.executable, "-c", code], seconds=seconds, most_bytes=most_bytes)


def test_what_it_says_and_its_peak(folder: Path) -> None:
    code = "import os, sys; b = b'x' * (64 << 20); print(os.getcwd()); sys.exit(b[0] - 117)"
    ran = run(ModuleOwner(folder), code)
    assert ran.output.decode() == f"{folder}\n"
    assert ran.code == 3
    assert ran.peak_bytes > 64 * MIB


def test_nothing_is_downloaded_whatever_the_caller_has_set(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOPROXY", "https://example.com")
    code = "import os; print(*[os.environ[f'GO{n}'] for n in ('PROXY', 'TOOLCHAIN', 'FLAGS')])"
    ran = run(ModuleOwner(folder), code)
    assert ran.output == b"off local -mod=readonly -buildvcs=false\n"


@as_root
def test_a_module_of_another_user_is_never_read_as_root(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "of root")
    os.chown(folder, 65534, 65534)
    code = "import os; print(os.getresuid(), os.getresgid(), 'SECRET' in os.environ)"
    argv = ["/usr/bin/python3", "-c", code]  # ours may be where only root can read
    ran = ModuleOwner(folder).run(argv, seconds=60, most_bytes=MIB)
    ids = (65534, 65534, 65534)
    assert ran.output.decode() == f"{ids} {ids} False\n"


@as_root
def test_a_folder_of_roots_that_others_can_change_is_refused(folder: Path) -> None:
    folder.chmod(0o777)
    with pytest.raises(UntrustedError):
        ModuleOwner(folder)


def test_too_much_and_too_long_end_it_with_what_it_started(folder: Path) -> None:
    owner = ModuleOwner(folder)
    with pytest.raises(EbpftraceError, match="says more than"):
        run(owner, "while True: print('x' * 1000)")
    code = (
        "import subprocess, time; child = subprocess.Popen(['sleep', '600']);"
        "open('pid', 'w').write(str(child.pid)); time.sleep(600)"
    )
    with pytest.raises(EbpftraceError, match="took longer than 3 s"):
        run(owner, code, seconds=3)
    pid = (folder / "pid").read_text() if (folder / "pid").exists() else ""
    if pid:  # on a slow machine it was ended before
        until(lambda: not lives(int(pid)))


def test_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("missing", "file"):
        with pytest.raises(EbpftraceError, match="cannot look at the module"):
            ModuleOwner(tmp_path / name)
