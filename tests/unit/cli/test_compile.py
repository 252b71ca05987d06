"""`ebpftrace compile`: what it compiles, and where it keeps it; nothing is compiled here."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ebpftrace.cli.compile import compile_command
from ebpftrace.errors import EbpftraceError, UsageError
from ebpftrace.probe.ahead import usual_watches
from ebpftrace.probe.selection import Selection

MODULE = importlib.import_module("ebpftrace.cli.compile")


class Compiler:
    """What would be compiled."""

    def __init__(self) -> None:
        self.comms: tuple[str, ...] = ()
        self.options: dict[str, Any] = {}
        self.error: OSError | None = None

    def __call__(
        self, comms: tuple[str, ...], folder: Path, **options: Any
    ) -> Iterator[tuple[Selection, bool]]:
        self.comms, self.options = comms, {"folder": folder, **options}
        if self.error is not None:
            raise self.error
        yield from usual_watches(comms)


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> Compiler:
    found = Compiler()
    monkeypatch.setattr(MODULE, "compile_ahead", found)
    monkeypatch.setenv("EBPFTRACE_CACHE_DIR", "/image/cache")
    return found


def run(*args: str) -> Result:
    return CliRunner().invoke(compile_command, args)


def test_each_usual_watch_is_told_and_then_the_folder(compiler: Compiler) -> None:
    lines = run().output.splitlines()
    assert lines[0] == "compiled: --comm, without policies"
    assert "compiled: --comm --cgroup, with policies" in lines
    assert len(lines) == len(set(lines)) == 9
    assert lines[-1] == "The programs are in /image/cache."
    assert (compiler.comms, compiler.options["folder"]) == (("gopls",), Path("/image/cache"))


def test_names_are_those_of_the_policies(compiler: Compiler, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(
        '[[policy]]\nname = "a"\nmatch = { comm = ["node", "go*"] }\n'
        'when = [{ detector = "level", bound = "85%" }]\nthen = [{ action = "signal" }]\n'
    )
    result = run("--config", str(file))
    assert result.exception is None, result.exception
    assert compiler.comms == ("node", "go*")
    assert isinstance(run("--config", str(tmp_path / "none")).exception, EbpftraceError)


def test_another_machine_needs_types_and_cpus(compiler: Compiler) -> None:
    assert isinstance(run("--btf", "/tmp/vmlinux").exception, UsageError)
    run("--btf", "/tmp/vmlinux", "--cpus", "64")
    assert compiler.options["btf_file"] == Path("/tmp/vmlinux")
    assert compiler.options["cpus"] == 64


def test_folder_that_cannot_be_written_is_an_error(compiler: Compiler) -> None:
    compiler.error = OSError(30, "Read-only file system", "/image/cache")
    error = run().exception
    assert isinstance(error, EbpftraceError)
    assert error.why == "/image/cache: Read-only file system"
    assert "EBPFTRACE_CACHE_DIR" in error.fix


def test_every_usual_watch_fits_the_cache() -> None:
    watches = usual_watches(("gopls",))
    assert len(watches) == 8
    assert len(watches) <= 16, "_MAX_FILES of the cache"
