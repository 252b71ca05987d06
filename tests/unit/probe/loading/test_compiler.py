import importlib.util
import os
import signal
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from ebpftrace.errors import NoBccError
from ebpftrace.probe.loading import compiler
from ebpftrace.probe.loading.compiler import compile_programs, import_bcc
from ebpftrace.probe.loading.objects import Objects


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restores what `import_bcc` sets."""
    monkeypatch.setenv("BCC_KERNEL_SOURCE", "")


def test_another_package_named_bcc_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spec = ModuleSpec("bcc", None, origin=str(tmp_path / "bcc/__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: spec)
    with pytest.raises(NoBccError, match="not the BPF Compiler Collection") as caught:
        import_bcc()
    assert str(tmp_path) in caught.value.why


def test_missing_bcc_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setitem(sys.modules, "bcc", None)
    with pytest.raises(NoBccError, match="not installed") as caught:
        import_bcc()
    assert "python3-bpfcc" in caught.value.fix


def test_compiler_that_crashed_in_a_fork_is_run_in_a_new_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The new process imports the module anew, so that it has this test's bcc from its path."""

    def crash(_flags: tuple[str, ...]) -> Objects:
        os.kill(os.getpid(), signal.SIGSEGV)
        raise AssertionError

    package = tmp_path / "bcc"
    package.mkdir()
    (package / "libbcc.py").touch()
    (package / "__init__.py").write_text(
        "import os\n"
        "class Lib:\n"
        "    def __getattr__(self, name):\n"
        "        return lambda *_: 0\n"
        "    class bpf_table_name: pass\n"
        "lib = Lib()\n"
        "class BPF:\n"
        "    def __init__(self, **options):\n"
        f"        with open({str(tmp_path / 'compiled')!r}, 'w') as file:\n"
        "            file.write(' '.join(options['cflags']))\n"
        "        self.module = 0\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(compiler, "_compile", crash)
    assert compile_programs(("-DONE=1",)) == Objects({}, {})
    assert (tmp_path / "compiled").read_text(encoding="utf-8") == "-DONE=1 -g0"
