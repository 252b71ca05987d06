"""Which cgroups are listened to; the kernel's part is in tests/kernel/test_cgroup_v2.py.

Fake folders: a plain file takes the trigger's text, and never tells anything.
"""

from pathlib import Path

from ebpftrace.road.pressure import MOST, PressureListener


def folder(
    root: Path, number: int, text: str = "some avg10=1.00 avg60=0 avg300=0 total=7\n"
) -> Path:
    made = root / str(number)
    made.mkdir(exist_ok=True)
    (made / "memory.pressure").write_text(text)
    return made


def test_those_wanted_are_registered_once_and_dropped_when_they_are_not(tmp_path: Path) -> None:
    registered: list[int] = []
    listener = PressureListener(registered.append)
    one, two = ((number, folder(tmp_path, number)) for number in (1, 2))
    listener.follow([one, two])
    listener.follow([one, two])
    assert len(registered) == 2
    # The trigger's text overwrote what there was: of a real file it does not.
    folder(tmp_path, 2)
    (event,) = listener.pressed({registered[1]})
    assert (event.cgroup_id, event.pressure.some_ns) == (2, 7000)
    listener.follow([one])
    assert list(listener.pressed({registered[1]})) == []
    listener.close()


def test_one_that_is_gone_or_refused_is_left_alone(tmp_path: Path) -> None:
    registered: list[int] = []
    listener = PressureListener(registered.append)
    here = folder(tmp_path, 1)
    listener.follow([(1, here), (2, tmp_path / "none"), (3, None)])
    assert len(registered) == 1
    (here / "memory.pressure").unlink()
    assert list(listener.pressed(set(registered))) == []
    folder(tmp_path, 1)
    listener.follow([(1, here)])
    assert len(registered) == 1, "not asked again while it is wanted"
    listener.follow([])
    listener.follow([(1, here)])
    assert len(registered) == 2
    listener.close()


def test_there_is_a_bound(tmp_path: Path) -> None:
    registered: list[int] = []
    listener = PressureListener(registered.append)
    listener.follow((number, folder(tmp_path, number)) for number in range(MOST + 3))
    assert len(registered) == MOST
    listener.close()
