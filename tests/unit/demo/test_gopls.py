"""Finding gopls: small scripts of that name, really run."""

from pathlib import Path

import pytest

from ebpftrace.demo import gopls
from ebpftrace.demo.gopls import find_gopls


@pytest.fixture(autouse=True)
def no_gopls_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user who runs the tests may have a gopls installed."""
    monkeypatch.setattr(gopls, "_homes", lambda environment: iter(()))


def put(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def answer(version: str) -> str:
    return f"echo golang.org/x/tools/gopls {version}"


def test_newest_gopls_installed_by_the_tests_is_used(tmp_path: Path) -> None:
    go = put(tmp_path / "bin", "go", "exit 0")
    for version in ("v0.14.2", "v0.24.0"):
        put(tmp_path / "gopls" / version, "gopls", answer(version))
    found = find_gopls({"PATH": str(go.parent), "EBPFTRACE_GOPLS_DIR": str(tmp_path / "gopls")})
    assert found is not None
    assert (found.version, found.go_folder) == ("v0.24.0", go.parent)


def test_gobin_comes_before_gopath(tmp_path: Path) -> None:
    go = put(tmp_path / "bin", "go", "exit 0")
    put(tmp_path / "gopath" / "bin", "gopls", answer("v0.1.0"))
    wanted = put(tmp_path / "gobin", "gopls", answer("v0.2.0"))
    found = find_gopls(
        {
            "PATH": str(go.parent),
            "GOPATH": str(tmp_path / "gopath"),
            "GOBIN": str(wanted.parent),
        }
    )
    assert found is not None
    assert found.path == wanted


@pytest.mark.parametrize("broken", ["exit 1", "echo something else", "kill -9 $$"])
def test_gopls_that_does_not_answer_is_skipped(tmp_path: Path, broken: str) -> None:
    put(tmp_path / "first", "gopls", broken)
    put(tmp_path / "second", "go", "exit 0")
    put(tmp_path / "second", "gopls", answer("v0.3.0"))
    found = find_gopls({"PATH": f"{tmp_path}/first:{tmp_path}/second"})
    assert found is not None
    assert found.version == "v0.3.0"


def test_missing_gopls_is_none(tmp_path: Path) -> None:
    go = put(tmp_path / "bin", "go", "exit 0")
    empty = tmp_path / "gopls"
    assert find_gopls({"PATH": str(go.parent), "EBPFTRACE_GOPLS_DIR": str(empty)}) is None


def test_gopls_without_go_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gopls, "_go_folders", lambda environment: iter([tmp_path]))
    put(tmp_path / "bin", "gopls", answer("v0.3.0"))
    assert find_gopls({"PATH": str(tmp_path / "bin")}) is None
