import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from ebpftrace.errors import NoBccError
from ebpftrace.probe.loading.compiler import import_bcc


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
