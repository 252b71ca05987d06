import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebpftrace.golang import buildinfo
from ebpftrace.golang.buildinfo import (
    GoProgram,
    read_go_program,
    read_main_package,
    read_main_version,
)
from tests.support.build import CACHE
from tests.support.elfs import INLINE, POINTERS, program
from tests.support.patience import patient

GOPLS = {version: Path(f"/opt/gopls/{version}/gopls") for version in ("v0.14.2", "v0.24.0")}
GO = shutil.which("go")

TEXT = (
    "path\texample.com/cmd/tool\n"
    "mod\texample.com\tv1.2.3\th1:abc=\n"
    "dep\texample.com/dep\tv0.1.0\th1:def=\n"
    'build\t-ldflags="-s -w"\n'
    "build\tvcs.revision=cafe\n"
    "build\tvcs.modified=true\n"
)
"""A module text as runtime/debug writes it."""


@pytest.mark.parametrize("version", sorted(GOPLS))
def test_main_package_of_a_real_gopls(version: str) -> None:
    if not GOPLS[version].exists():
        pytest.skip(f"gopls {version} is not installed at {GOPLS[version]}")
    assert read_main_package(GOPLS[version]) == "golang.org/x/tools/gopls"


@pytest.mark.timeout(patient(600))
@pytest.mark.skipif(GO is None, reason="there is no go command here")
@pytest.mark.parametrize("flags", ["", "-s -w"])
def test_main_package_of_a_program_built_now(tmp_path: Path, flags: str) -> None:
    assert GO is not None
    (tmp_path / "go.mod").write_text("module example.com/tiny\n")
    (tmp_path / "cmd").mkdir()
    (tmp_path / "cmd/main.go").write_text(
        'package main\nimport "os"\nfunc main() { os.Stdin.Read(make([]byte, 1)) }\n'
    )
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "GOCACHE": str(CACHE / "go-build"),  # or each run would compile the standard library
        "GOFLAGS": "",
        "GOTOOLCHAIN": "local",
        "GOPROXY": "off",
        "CGO_ENABLED": "0",
    }
    argv = [GO, "build", "-ldflags", flags, "-o", "tiny", "./cmd"]
    subprocess.run(argv, cwd=tmp_path, env=environment, check=True)
    assert read_main_package(tmp_path / "tiny") == "example.com/tiny/cmd"
    assert read_main_version(tmp_path / "tiny") == "(devel)"
    with subprocess.Popen([tmp_path / "tiny"], stdin=subprocess.PIPE) as running:
        (tmp_path / "tiny").unlink()
        buildinfo._cache.clear()
        deleted = read_main_package(Path(f"/proc/{running.pid}/exe"))
        running.kill()
    assert deleted == "example.com/tiny/cmd", "its file was deleted"


def test_python_is_not_a_go_program() -> None:
    assert read_main_version(Path("/proc/self/exe")) == ""
    assert read_main_version(Path("/no/such/file")) == ""
    assert read_main_package(Path(sys.executable)) is None
    assert read_main_package(Path(f"/proc/{os.getpid()}/exe")) is None


@pytest.mark.parametrize("layout", [INLINE, POINTERS])
@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("sections", [True, False])
def test_every_layout_is_read(
    tmp_path: Path, layout: str, wide: bool, order: str, sections: bool
) -> None:
    """Fake: Go 1.17 and big-endian machines do not run here."""
    path = tmp_path / "prog"
    path.write_bytes(program("go1.17.1", TEXT, layout, wide, order, sections))
    assert read_main_package(path) == "example.com/cmd/tool"


def test_program_built_without_modules_has_no_main_package(tmp_path: Path) -> None:
    path = tmp_path / "prog"
    path.write_bytes(program("go1.20", ""))
    assert read_main_package(path) == ""


def test_main_package_is_cleaned(tmp_path: Path) -> None:
    path = tmp_path / "prog"
    path.write_bytes(program("go1.20", "path\tevil\x1b]0;\x07\n"))
    assert read_main_package(path) == "evil\\x1b]0;\\x07"


def test_other_files_have_no_main_package(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (empty, pipe, tmp_path, tmp_path / "missing", Path("/dev/zero")):
        assert read_main_package(path) is None


def test_replaced_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "prog"
    path.write_bytes(program("go1.20", "path\tone\n"))
    assert read_main_package(path) == "one"
    other = tmp_path / "other"
    other.write_bytes(program("go1.21", "path\ttwo\n"))
    other.rename(path)
    assert read_main_package(path) == "two"


def test_unchanged_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "prog"
    path.write_bytes(program("go1.20", "path\tone\n"))
    assert read_main_package(path) == "one"
    monkeypatch.setattr(buildinfo, "_program", lambda fd: pytest.fail("read again"))
    assert read_main_package(path) == "one"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=12),
    length=st.integers(0, 10**6),
    layout=st.sampled_from([INLINE, POINTERS]),
    wide=st.booleans(),
)
def test_malformed_programs_never_raise(
    tmp_path: Path, changes: list[tuple[int, int]], length: int, layout: str, wide: bool
) -> None:
    whole = bytearray(program("go1.20", TEXT, layout, wide))
    for where, value in changes:
        whole[where % len(whole)] = value
    path = tmp_path / "mangled"
    path.write_bytes(whole if length % 2 else whole[: length % len(whole)])
    buildinfo._cache.clear()
    package = read_main_package(path)
    assert package is None or package.isprintable() or not package


MAGIC = b"\xff Go buildinf:"


@pytest.mark.parametrize("wide", [True, False])
def test_go_program_without_build_info_is_known_by_its_sections(
    tmp_path: Path, wide: bool
) -> None:
    file = tmp_path / "program"
    file.write_bytes(program("go1.22", TEXT, wide=wide).replace(MAGIC, bytes(len(MAGIC))))
    assert read_go_program(file) == GoProgram(None)
    assert read_main_package(file) is None


def test_program_without_build_info_and_sections_may_be_any() -> None:
    assert read_go_program(Path("/bin/true")) is None
    assert read_go_program(Path("/proc/self/exe")) is None, "Python"


def test_go_program_without_modules_has_an_empty_package(tmp_path: Path) -> None:
    file = tmp_path / "program"
    file.write_bytes(program("go1.22", ""))
    assert read_go_program(file) == GoProgram("")


@pytest.mark.skipif(GO is None, reason="there is no go command here")
@pytest.mark.parametrize("flags", ["", "-s -w"])
def test_program_that_the_linker_made_now_is_gos_by_its_note(
    tmp_path: Path, flags: str
) -> None:
    assert GO is not None
    (tmp_path / "main.go").write_text("package main\nfunc main() {}\n")
    environment = {**os.environ, "GOFLAGS": "", "CGO_ENABLED": "0", "GO111MODULE": "off"}
    argv = [GO, "build", "-ldflags", flags, "-o", "tiny", "main.go"]
    subprocess.run(argv, cwd=tmp_path, env=environment, check=True)
    raw = (tmp_path / "tiny").read_bytes()
    assert MAGIC in raw
    # Section headers are gone as well, as a packer leaves them: e_shoff and e_shnum.
    cut = bytearray(raw.replace(MAGIC, bytes(len(MAGIC))))
    cut[40:48], cut[60:62] = bytes(8), bytes(2)
    (tmp_path / "cut").write_bytes(cut)
    assert read_go_program(tmp_path / "cut") == GoProgram(None)
