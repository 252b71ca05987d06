import errno
from typing import NoReturn

import pytest

from ebpftrace.errors import NoBpfError, NotPermittedError
from ebpftrace.probe.loading import bpf, checks


def test_missing_capabilities_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_missing_capabilities", lambda: ["CAP_PERFMON", "CAP_BPF"])
    with pytest.raises(NotPermittedError) as caught:
        checks.require_bpf()
    assert "lacks CAP_PERFMON and CAP_BPF" in caught.value.why
    assert "sudo" in caught.value.fix


@pytest.mark.parametrize(
    ("number", "why"),
    [(errno.ENOSYS, "CONFIG_BPF_SYSCALL"), (errno.EPERM, "seccomp"), (errno.ENOMEM, "memory")],
)
def test_refused_map_is_an_error_with_a_reason(
    monkeypatch: pytest.MonkeyPatch, number: int, why: str
) -> None:
    def refuse(*_: int) -> NoReturn:
        raise OSError(number, "refused")

    monkeypatch.setattr(checks, "_missing_capabilities", list)
    monkeypatch.setattr(bpf, "create_map", refuse)
    with pytest.raises(NoBpfError) as caught:
        checks.require_bpf()
    assert why in caught.value.why
