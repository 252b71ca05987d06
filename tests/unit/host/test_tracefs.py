from pathlib import Path

import pytest

from ebpftrace.errors import NoTracefsError
from ebpftrace.host import tracefs


def test_mounted_tracefs_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fake: whether this machine has it mounted is not ours to change. See tests/kernel."""
    monkeypatch.setattr(tracefs, "mount_point", lambda _: Path("/there"))
    with tracefs.mounted_tracefs(Path("/never/used")) as folder:
        assert folder == Path("/there")


def test_missing_mount_point_is_an_error_with_a_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracefs, "mount_point", lambda _: None)
    with (
        pytest.raises(NoTracefsError, match="cannot mount tracefs") as caught,
        tracefs.mounted_tracefs(Path("/no/such/folder")),
    ):
        pass
    assert caught.value.why
    assert caught.value.fix
