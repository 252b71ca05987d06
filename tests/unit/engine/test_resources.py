"""Audit log, watchdog and control socket: what is opened when, and what is not."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest

from ebpftrace.act.actions.support.unwritten import unwritten
from ebpftrace.act.audit.log import AuditLog
from ebpftrace.act.fuse.holding.holding import Holding
from ebpftrace.act.policy.fuse import Fuse
from ebpftrace.act.policy.policy import Match, Mode, Policy
from ebpftrace.act.policy.store import PolicyStore
from ebpftrace.engine.request import WatchRequest
from ebpftrace.engine.resources import BreakerResources
from ebpftrace.errors import EbpftraceError, LogTakenError
from ebpftrace.host.ready import WaitReadable, wait_readable
from ebpftrace.probe import Selection
from ebpftrace.units import GIB, MIB
from tests.support.conditions import level

pytestmark = pytest.mark.usefixtures("run_folder")

LEVEL = Policy("leaks", Match(), (level(64 * MIB),), Mode.ANY, ())
FUSE = Policy("bursts", Match(), (), Mode.ANY, (), fuse=Fuse(GIB, False))


class RecordingHolding:
    """In place of the watchdog: which map it was given, and whether it was closed."""

    def __init__(self, map_fd: int) -> None:
        self.map_fd, self.closed = map_fd, False

    def close(self, _wait: WaitReadable) -> None:
        self.closed = True


def resources(folder: Path, *policies: Policy, **changes: Any) -> BreakerResources:
    store = PolicyStore(None, policies) if policies else None
    request = WatchRequest(Selection(), policies=store, audit=folder / "audit", **changes)
    return BreakerResources.open(request, cast(Any, RecordingHolding))


def recorded(made: BreakerResources) -> RecordingHolding:
    return cast(RecordingHolding, cast(Holding, made.holding))


def test_nothing_is_opened_without_policies(tmp_path: Path) -> None:
    with closing(resources(tmp_path)) as made:
        assert (made.policies, made.log, made.default_fuse) == (None, None, None)
    assert list(tmp_path.iterdir()) == []


def test_one_reading_never_acts(tmp_path: Path) -> None:
    with closing(resources(tmp_path, LEVEL, once=True)) as made:
        assert made.policies is None
    assert list(tmp_path.iterdir()) == []


def test_past_records_are_read(tmp_path: Path) -> None:
    record = {"type": "incident", "incident": "x"}
    (tmp_path / "audit").write_text(json.dumps(record) + "\n")
    with closing(resources(tmp_path, LEVEL)) as made:
        assert [past["incident"] for past in made.past] == ["x"]


def test_end_waits_for_evidence_that_is_not_written(tmp_path: Path) -> None:
    waited: list[float] = []

    def wait(fd: int, seconds: float) -> bool:
        waited.append(seconds)
        return wait_readable(fd, 0 if len(waited) == 1 else seconds)

    with unwritten():
        resources(tmp_path, LEVEL).close(wait)
    assert len(waited) == 2  # and for the audit log
    resources(tmp_path, LEVEL).close(wait)
    assert len(waited) == 3


def test_second_watch_that_insists_is_an_error(tmp_path: Path) -> None:
    with closing(AuditLog(tmp_path / "audit")), pytest.raises(LogTakenError):
        resources(tmp_path, LEVEL)


def test_second_watch_that_does_not_insist_only_reports(tmp_path: Path) -> None:
    with (
        closing(AuditLog(tmp_path / "audit")),
        closing(resources(tmp_path, LEVEL, insists=False)) as made,
    ):
        assert made.policies is None
        assert made.remarks[0].endswith("this watch takes no action")


def test_log_that_cannot_be_written_is_an_error_also_without_insisting(tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    with pytest.raises(EbpftraceError, match="cannot write the audit log"):
        resources(tmp_path, LEVEL, insists=False)


def test_log_is_free_after_the_close(tmp_path: Path) -> None:
    made = resources(tmp_path, LEVEL)
    with pytest.raises(LogTakenError):
        AuditLog(tmp_path / "audit")
    made.close()
    with closing(AuditLog(tmp_path / "audit")) as later:
        assert later.trouble == ""


def test_common_fuse_is_the_default_of_the_kernel_side(tmp_path: Path) -> None:
    with closing(resources(tmp_path, FUSE)) as made:
        assert made.default_fuse is not None
        assert (made.default_fuse.bound, made.default_fuse.share) == (GIB, False)


def test_stopped_processes_are_held_only_where_a_policy_has_a_fuse(tmp_path: Path) -> None:
    with closing(resources(tmp_path, LEVEL)) as made:
        made.hold_stopped(5)
        assert (made.holding, made.control) == (None, None)


def test_holding_and_control_socket_are_opened_and_closed(
    tmp_path: Path, run_folder: Path
) -> None:
    made = resources(tmp_path, FUSE)
    made.hold_stopped(5)
    assert (recorded(made).map_fd, recorded(made).closed) == (5, False)
    assert len(list(run_folder.iterdir())) == 1
    made.close()
    assert recorded(made).closed
    assert list(run_folder.iterdir()) == []


def test_control_socket_that_cannot_be_made_is_a_remark(
    tmp_path: Path, run_folder: Path
) -> None:
    run_folder.write_text("no folder", encoding="utf-8")
    with closing(resources(tmp_path, FUSE)) as made:
        made.hold_stopped(5)
        assert made.control is None
        assert "this watch cannot be reached by `ebpftrace thaw`" in made.remarks[0]
