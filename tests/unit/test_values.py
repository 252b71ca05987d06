"""The lean dataclass does what the standard one does."""

# To mypy the decorators of these tests are any functions, so that it sees no `__init__`.
# mypy: disable-error-code="arg-type, call-arg, call-overload, misc, operator, type-var"
# mypy: disable-error-code="no-untyped-call, unreachable"

import dataclasses
from collections.abc import Callable
from dataclasses import field
from typing import Any, ClassVar

import pytest

from ebpftrace.values import lean_dataclass

STANDARD: Callable[..., Any] = dataclasses.dataclass
BOTH = pytest.mark.parametrize("kind", [STANDARD, lean_dataclass], ids=["standard", "lean"])


def point(kind: Callable[..., Any], **options: Any) -> Any:
    @kind(slots=True, **options)
    class Point:
        """A class with all that fields can have."""

        x: int
        y: int = 2
        tags: list[str] = field(default_factory=list)
        note: str = field(default="", compare=False)
        seen: int = field(init=False, compare=False)
        KIND: ClassVar = "point"

        def double(self) -> int:
            return 2 * self.x

    return Point


@BOTH
def test_objects_are_made_with_defaults(kind: Callable[..., Any]) -> None:
    make = point(kind)
    first, second = make(1), make(x=1, tags=["a"])
    assert (first.x, first.y, first.tags, first.note, first.KIND) == (1, 2, [], "", "point")
    assert second.tags == ["a"]
    assert make(1).tags is not first.tags
    assert not hasattr(first, "seen")
    assert not hasattr(first, "__dict__")
    assert first.double() == 2
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        make()
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        make(1, z=2)


@BOTH
def test_objects_are_compared_by_the_fields_that_are_compared(kind: Callable[..., Any]) -> None:
    make, other = point(kind), point(kind)
    assert make(1, note="a") == make(1, note="b")
    assert make(1) != make(2)
    assert make(1) != other(1)
    assert make(1) != 1
    with pytest.raises(TypeError, match="unhashable"):
        hash(make(1))


@BOTH
def test_frozen_objects_are_hashed_and_never_changed(kind: Callable[..., Any]) -> None:
    @kind(frozen=True, slots=True)
    class Key:
        pid: int
        start: int = 0

    key = Key(1)
    assert {key: 1}[Key(1)] == 1
    assert hash(key) == hash(Key(1)) != hash(Key(2))
    for change in (lambda: setattr(key, "pid", 2), lambda: delattr(key, "pid")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            change()
    assert key.pid == 1
    assert repr(key).endswith("Key(pid=1, start=0)")


@BOTH
def test_fields_are_inherited_and_can_be_replaced(kind: Callable[..., Any]) -> None:
    @kind(frozen=True, slots=True)
    class Base:
        time_ns: int
        name: str = "base"

    @kind(frozen=True, slots=True)
    class Derived(Base):
        name: str = "derived"
        more: tuple[int, ...] = ()

    made = Derived(5, more=(1,))
    assert (made.time_ns, made.name, made.more) == (5, "derived", (1,))
    assert isinstance(made, Base)
    assert made != Base(5, "derived")
    match made:
        case Derived(time, name):
            assert (time, name) == (5, "derived")
    changed = dataclasses.replace(made, time_ns=6)
    assert changed == Derived(6, more=(1,))
    assert made.time_ns == 5
    assert [it.name for it in dataclasses.fields(Derived)] == ["time_ns", "name", "more"]
    assert [it.name for it in dataclasses.fields(Base)] == ["time_ns", "name"]
    assert dataclasses.fields(Derived)[1].default == "derived"
    assert dataclasses.asdict(made) == {"time_ns": 5, "name": "derived", "more": (1,)}


@BOTH
def test_replacing_a_field_that_is_not_in_init_is_refused(kind: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="init=False"):
        dataclasses.replace(point(kind)(1), seen=1)


@BOTH
def test_order_is_that_of_the_fields(kind: Callable[..., Any]) -> None:
    @kind(frozen=True, slots=True, order=True)
    class Version:
        major: int
        minor: int

    old, new = Version(1, 9), Version(2, 0)
    assert old < new
    assert old <= new
    assert new > old
    assert new >= old
    assert sorted([new, old]) == [old, new]
    with pytest.raises(TypeError):
        _ = old < 1


@BOTH
def test_what_a_class_defines_itself_is_kept(kind: Callable[..., Any]) -> None:
    @kind(slots=True)
    class Own:
        x: int
        total: int = 0

        def __post_init__(self) -> None:
            self.total = self.x + 1

        def __repr__(self) -> str:
            return "own"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 7

    made = Own(1)
    assert (made.total, repr(made), hash(made)) == (2, "own", 7)
    assert made == 5

    @kind(slots=True, eq=False)
    class Identity:
        x: int

    same = Identity(1)
    assert same != Identity(1)
    assert hash(same) == object.__hash__(same)


@BOTH
def test_keyword_only_fields_follow_in_any_order(kind: Callable[..., Any]) -> None:
    @kind(frozen=True, slots=True, kw_only=True)
    class Options:
        name: str = "a"
        size: int

    assert Options(size=1) == Options(name="a", size=1)
    with pytest.raises(TypeError, match="positional argument"):
        Options("a", 1)


@BOTH
def test_class_without_fields_and_class_with_one(kind: Callable[..., Any]) -> None:
    @kind(frozen=True, slots=True)
    class Nothing:
        pass

    @kind(frozen=True, slots=True)
    class Single:
        value: int

    assert Nothing() == Nothing()
    assert hash(Nothing()) == hash(Nothing())
    assert Single(1) == Single(1) != Single(2)
    assert hash(Single(1)) == hash(Single(1))


def test_dataclass_without_slots_is_refused() -> None:
    with pytest.raises(TypeError, match="has slots"):
        lean_dataclass(slots=False)


def test_methods_are_compiled_when_they_are_first_called() -> None:
    @lean_dataclass(frozen=True)
    class Key:
        pid: int

    names = ("__init__", "__eq__", "__hash__")

    def compiled() -> list[bool]:
        return [vars(Key)[name].__code__.co_filename == "<string>" for name in names]

    assert compiled() == [False, False, False]
    first, second = Key(1), Key(1)
    assert compiled() == [True, False, False]
    assert first == second
    assert hash(first) == hash(second)
    assert compiled() == [True, True, True]
