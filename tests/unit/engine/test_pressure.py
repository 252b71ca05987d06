"""Which cgroups have a trigger; the kernel's part is in tests/kernel/test_cgroup_v2.py.

Fake folders: a plain file takes the trigger's text, and never fires.
"""

import os
from pathlib import Path

import pytest

from ebpftrace.engine.pressure import MOST, PressureListener

Cgroup = tuple[int, Path]


def cgroup(root: Path, name: str) -> Cgroup:
    """Its id is its folder's inode, as the kernel has it."""
    made = root / name
    made.mkdir()
    tell(made)
    return made.stat().st_ino, made


def tell(folder: Path) -> None:
    """What a trigger's text overwrote; in a real file it does not."""
    (folder / "memory.pressure").write_text("some avg10=1.00 avg60=0 avg300=0 total=7\n")


def test_cgroup_is_registered_once_and_dropped_once_it_is_left_out(tmp_path: Path) -> None:
    registered: list[int] = []
    listener = PressureListener(registered.append)
    one, two = cgroup(tmp_path, "one"), cgroup(tmp_path, "two")
    listener.follow([one, two])
    listener.follow([one, two])
    assert len(registered) == 2
    tell(two[1])
    (event,) = listener.pressed({registered[1]})
    assert (event.cgroup_id, event.pressure.some_ns) == (two[0], 7000)
    listener.follow([one])
    assert list(listener.pressed({registered[1]})) == []
    listener.close()


def test_refused_trigger_is_not_retried_while_its_cgroup_is_followed(
    tmp_path: Path,
) -> None:
    registered: list[int] = []
    listener = PressureListener(registered.append)
    one = cgroup(tmp_path, "one")
    (one[1] / "memory.pressure").unlink()
    listener.follow([one, (3, None)])
    tell(one[1])
    listener.follow([one])
    assert registered == []
    listener.follow([])
    listener.follow([one])
    assert len(registered) == 1
    listener.close()


def test_removed_cgroup_is_dropped_also_if_its_path_was_reused(
    tmp_path: Path,
) -> None:
    """Its descriptor would be ready for ever: the watch would never sleep again."""
    registered: list[int] = []
    listener = PressureListener(registered.append)
    old = cgroup(tmp_path, "a.service")
    listener.follow([old])
    old[1].rename(tmp_path / "removed")
    new = cgroup(tmp_path, "a.service")
    assert list(listener.pressed(set(registered))) == []
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(registered[0])
    listener.follow([new])
    assert len(registered) == 2
    listener.close()


def test_number_of_triggers_is_bounded(tmp_path: Path) -> None:
    registered: list[int] = []
    listener = PressureListener(registered.append)
    listener.follow(cgroup(tmp_path, str(number)) for number in range(MOST + 3))
    assert len(registered) == MOST
    listener.close()
