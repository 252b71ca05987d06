"""The lazy `dataclass` makes what the standard one makes, and makes it late."""

import copy
import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from ebpftrace.lazy_dataclass import _lazy_dataclass


def plain(decorate: Callable[..., Callable[[type], type]], **options: bool) -> Any:
    """A value as this decorator makes it; the same source for both."""

    class Value:
        KIND: ClassVar[str] = "value"
        first: int
        second: str = "x"
        third: list[int] = dataclasses.field(default_factory=list)
        ignored: int = dataclasses.field(default=0, compare=False)
        later: int = dataclasses.field(init=False, default=7)
        hidden: int = dataclasses.field(default=1, repr=False)

        def double(self) -> int:
            return 2 * self.first

    return decorate(slots=True, **options)(Value)


BOTH = pytest.mark.parametrize("decorate", [_lazy_dataclass, dataclasses.dataclass])
FROZEN = pytest.mark.parametrize("frozen", [True, False])


@BOTH
@FROZEN
def test_values_are_built_shown_and_compared(decorate: Any, frozen: bool) -> None:
    cls = plain(decorate, frozen=frozen)
    value = cls(1, third=[2])
    assert (value.first, value.second, value.third, value.later) == (1, "x", [2], 7)
    assert repr(value).endswith("Value(first=1, second='x', third=[2], ignored=0, later=7)")
    assert value == cls(1, "x", [2], ignored=9)
    assert value != cls(2, "x", [2])
    assert value != "value"
    assert cls(1).third is not cls(1).third
    assert (value.KIND, value.double()) == ("value", 2)
    assert not hasattr(value, "__dict__")
    wrong: tuple[tuple[Any, ...], ...] = ((), (1, "x", [], 0, 1, 2))
    for arguments in wrong:
        with pytest.raises(TypeError):
            cls(*arguments)
    for name in ("later", "unknown"):
        with pytest.raises(TypeError):
            cls(1, **{name: 2})


@BOTH
def test_frozen_values_refuse_changes_and_have_a_hash(decorate: Any) -> None:
    cls = plain(decorate, frozen=True)
    with pytest.raises(dataclasses.FrozenInstanceError):
        cls(1).first = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        del cls(1).first
    assert hash(cls(1, third=())) == hash(cls(1, third=(), ignored=5))
    assert hash(cls(1, third=())) != hash(cls(2, third=()))


@BOTH
def test_changeable_values_have_no_hash_unless_they_do_not_compare(decorate: Any) -> None:
    value = plain(decorate)(1)
    value.first = 5
    assert value.first == 5
    with pytest.raises(TypeError):
        hash(value)
    alone = plain(decorate, eq=False)
    assert alone(1) != alone(1)
    assert len({alone(1), alone(1)}) == 2


@BOTH
@FROZEN
def test_the_functions_of_the_standard_library_know_the_fields(
    decorate: Any, frozen: bool
) -> None:
    cls = plain(decorate, frozen=frozen)  # before a value is built
    assert [it.name for it in dataclasses.fields(cls)] == [
        "first", "second", "third", "ignored", "later", "hidden",
    ]  # fmt: skip
    assert dataclasses.is_dataclass(type(cls(1)))
    assert cls.__match_args__ == ("first", "second", "third", "ignored", "hidden")
    value = cls(1)
    assert dataclasses.replace(value, first=3).first == 3
    assert dataclasses.asdict(value)["second"] == "x"
    assert copy.copy(value) == value == copy.deepcopy(value)


@BOTH
def test_heirs_have_the_fields_of_their_bases_first(decorate: Any) -> None:
    base: Any = plain(decorate, frozen=True)

    class Heir(base):  # type: ignore[misc]
        own: int = 3

        def __post_init__(self) -> None:
            assert self.first == 1

    heir = decorate(frozen=True, slots=True)(Heir)
    value = heir(1, own=4)
    assert (value.first, value.second, value.own) == (1, "x", 4)
    assert value != base(1)
    assert isinstance(value, base)
    assert repr(value).endswith("later=7, own=4)")
    with pytest.raises(AssertionError):
        heir(2)


@BOTH
def test_own_methods_are_kept(decorate: Any) -> None:
    class Own:
        first: int

        def __repr__(self) -> str:
            return "own"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 4

    cls = decorate(frozen=True, slots=True)(Own)
    assert (repr(cls(1)), cls(1) == cls(2), hash(cls(1))) == ("own", True, 4)


def test_a_value_of_a_module_is_pickled() -> None:
    from ebpftrace.events import Event

    assert pickle.loads(pickle.dumps(Event(5))) == Event(5)


def test_other_options_are_left_to_the_standard_library() -> None:
    cls = plain(_lazy_dataclass, frozen=True, order=True)
    assert cls(1) < cls(2)


def test_importing_a_module_makes_no_method() -> None:
    program = """if True:
        import dataclasses
        made = []
        standard = dataclasses._process_class
        def count(cls, *args, **options):
            made.append(cls.__qualname__)
            return standard(cls, *args, **options)
        dataclasses._process_class = count
        import ebpftrace.judge.finding
        import sys
        sys.exit(str(made) if "Finding" in made else 0)
    """
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
