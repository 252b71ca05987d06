import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebpftrace.golang import buildinfo
from ebpftrace.golang.buildinfo import BuildInfo, read
from tests.support.elfs import INLINE, POINTERS, program

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
def test_real_gopls(version: str) -> None:
    if not GOPLS[version].exists():
        pytest.skip(f"gopls {version} is not installed at {GOPLS[version]}")
    info = read(GOPLS[version])
    assert info is not None
    assert info.main_package == info.module == "golang.org/x/tools/gopls"
    assert info.version == version
    assert info.go_version.startswith("go1.")


@pytest.mark.skipif(GO is None, reason="there is no go command here")
@pytest.mark.parametrize("flags", ["", "-s -w"])
def test_a_program_built_now(tmp_path: Path, flags: str) -> None:
    assert GO is not None
    (tmp_path / "go.mod").write_text("module example.com/tiny\n")
    (tmp_path / "cmd").mkdir()
    (tmp_path / "cmd/main.go").write_text(
        'package main\nimport "os"\nfunc main() { os.Stdin.Read(make([]byte, 1)) }\n'
    )
    environment = {
        **os.environ,
        "GOFLAGS": "",
        "GOTOOLCHAIN": "local",
        "GOPROXY": "off",
        "CGO_ENABLED": "0",
    }
    argv = [GO, "build", "-ldflags", flags, "-o", "tiny", "./cmd"]
    subprocess.run(argv, cwd=tmp_path, env=environment, check=True)
    version = subprocess.run(
        [GO, "env", "GOVERSION"], cwd=tmp_path, env=environment, check=True, capture_output=True
    )
    info = read(tmp_path / "tiny")
    assert info is not None
    assert info.go_version == version.stdout.decode().strip()
    assert (info.main_package, info.module) == ("example.com/tiny/cmd", "example.com/tiny")
    assert info.version == "(devel)"
    assert info.settings["GOOS"] == "linux"
    assert info.settings["CGO_ENABLED"] == "0"
    with subprocess.Popen([tmp_path / "tiny"], stdin=subprocess.PIPE) as running:
        (tmp_path / "tiny").unlink()
        buildinfo._cache.clear()
        deleted = read(Path(f"/proc/{running.pid}/exe"))
        running.kill()
    assert deleted == info, "a running program can be read after its file was deleted"


def test_an_interpreter_is_no_go_program() -> None:
    assert read(Path(sys.executable)) is None
    assert read(Path(f"/proc/{os.getpid()}/exe")) is None


@pytest.mark.parametrize("layout", [INLINE, POINTERS])
@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("sections", [True, False])
def test_every_layout(
    tmp_path: Path, layout: str, wide: bool, order: str, sections: bool
) -> None:
    """Fake: Go 1.17 and big-endian machines do not run here."""
    path = tmp_path / "prog"
    path.write_bytes(program("go1.17.1", TEXT, layout, wide, order, sections))
    assert read(path) == BuildInfo(
        go_version="go1.17.1",
        main_package="example.com/cmd/tool",
        module="example.com",
        version="v1.2.3",
        settings={"-ldflags": "-s -w", "vcs.revision": "cafe", "vcs.modified": "true"},
    )


def test_built_without_modules(tmp_path: Path) -> None:
    path = tmp_path / "prog"
    path.write_bytes(program("go1.20", ""))
    assert read(path) == BuildInfo("go1.20")


def test_what_a_stranger_wrote_is_clean(tmp_path: Path) -> None:
    path = tmp_path / "prog"
    path.write_bytes(program("go1.20\x1b[2J", "path\tevil\x1b]0;\x07\n"))
    info = read(path)
    assert info is not None
    assert info.go_version.isprintable()
    assert info.main_package.isprintable()


def test_what_is_no_program(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (empty, pipe, tmp_path, tmp_path / "missing", Path("/dev/zero")):
        assert read(path) is None


def test_a_file_replaced_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "prog"
    path.write_bytes(program("go1.20", ""))
    assert read(path) == BuildInfo("go1.20")
    assert read(path) is read(path), "remembered"
    other = tmp_path / "other"
    other.write_bytes(program("go1.21", ""))
    other.rename(path)
    assert read(path) == BuildInfo("go1.21")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=12),
    length=st.integers(0, 10**6),
    layout=st.sampled_from([INLINE, POINTERS]),
    wide=st.booleans(),
)
def test_mangled_programs_never_raise(
    tmp_path: Path, changes: list[tuple[int, int]], length: int, layout: str, wide: bool
) -> None:
    whole = bytearray(program("go1.20", TEXT, layout, wide))
    for where, value in changes:
        whole[where % len(whole)] = value
    path = tmp_path / "mangled"
    path.write_bytes(whole if length % 2 else whole[: length % len(whole)])
    buildinfo._cache.clear()
    info = read(path)
    assert info is None or info.go_version.isprintable()
