"""`dataclass` as the standard library has it, at a twelfth of the cost of an import.

The standard one compiles six methods of each class as it is imported: 0.4 ms a class, of which
a watch imports a hundred. Here `__init__`, `__eq__` and `__hash__` are compiled when they are
first called, and the other methods are the same for all classes. For `replace` and `fields` of
the standard library, a class has `__dataclass_fields__`, which is made when it is asked for.

All classes have slots. What is not supported: InitVar, KW_ONLY, and pickling of frozen objects.
"""

import operator
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, FrozenInstanceError
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar, get_origin

ClassT = TypeVar("ClassT", bound=type)


class _Member(NamedTuple):
    """One field: `default` is a value, a Field, or MISSING."""

    default: Any
    kw_only: bool

    @property
    def field(self) -> "Field[Any] | None":
        return self.default if isinstance(self.default, Field) else None


_MEMBERS: dict[type, dict[str, _Member]] = {}
"""The fields of each class, those of its bases first."""


def lean_dataclass(
    *, frozen: bool = False, slots: bool = True, eq: bool = True, order: bool = False,
    kw_only: bool = False,
) -> Callable[[ClassT], ClassT]:  # fmt: skip
    """The decorator. TypeError without `slots`."""
    if not slots:
        raise TypeError("a lean dataclass has slots")

    def decorate(cls: ClassT) -> ClassT:
        own = {
            name: _Member(cls.__dict__.get(name, MISSING), kw_only)
            for name, kind in vars(cls).get("__annotations__", {}).items()
            if not _is_class_variable(kind)
        }
        members: dict[str, _Member] = {}
        for base in reversed(cls.__mro__[1:]):
            members |= _MEMBERS.get(base, {})
        inherited = set(members)
        members |= own
        made = _with_slots(cls, own, inherited)
        _MEMBERS[made] = members
        _add_methods(made, members, frozen=frozen, eq=eq, order=order)
        return made

    return decorate


def _is_class_variable(kind: Any) -> bool:
    if isinstance(kind, str):
        return kind.startswith(("ClassVar", "typing.ClassVar"))
    return kind is ClassVar or get_origin(kind) is ClassVar


def _with_slots(cls: ClassT, own: Mapping[str, _Member], inherited: set[str]) -> ClassT:
    namespace = dict(cls.__dict__)
    for name in (*own, "__dict__", "__weakref__"):
        namespace.pop(name, None)
    namespace["__slots__"] = tuple(name for name in own if name not in inherited)
    made = type(cls)(cls.__name__, cls.__bases__, namespace)
    made.__qualname__ = cls.__qualname__
    return made


def _add_methods(
    cls: Any, members: Mapping[str, _Member], *, frozen: bool, eq: bool, order: bool
) -> None:
    compared = [name for name, it in members.items() if it.field is None or it.field.compare]
    values = operator.attrgetter(*compared) if compared else lambda _self: ()

    def init(self: Any, *args: Any, **named: Any) -> None:
        cls.__init__ = _compiled_init(cls, members, frozen=frozen)
        cls.__init__(self, *args, **named)

    def same(self: Any, other: Any) -> Any:
        cls.__eq__ = _compiled_eq(compared)
        return cls.__eq__(self, other)

    def describe(self: Any) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in members)
        return f"{self.__class__.__qualname__}({', '.join(shown)})"

    def refuse(self: Any, name: str, *_value: Any) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def hash_of(self: Any) -> int:
        cls.__hash__ = _compiled_hash(compared)
        return hash(self)

    defined = cls.__dict__
    added: dict[str, Any] = {"__init__": init, "__repr__": describe}
    if eq:
        added["__eq__"] = same
    if order:
        added |= {f"__{name}__": _comparison(name, values) for name in ("lt", "le", "gt", "ge")}
    for name, method in added.items():
        if name not in defined:
            setattr(cls, name, method)
    # A class that defines __eq__ alone has None there.
    if eq and defined.get("__hash__") is None:
        cls.__hash__ = hash_of if frozen else None
    if frozen:
        cls.__setattr__ = cls.__delattr__ = refuse
    names = tuple(name for name, it in members.items() if not it.kw_only)
    cls.__dataclass_fields__ = _StandardFields(cls, members)
    setattr(cls, "__match_args__", names)  # noqa: B010 (mypy knows it as a constant)


def _comparison(name: str, values: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    compare = getattr(operator, name)

    def compared(self: Any, other: Any) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return compare(values(self), values(other))

    return compared


def _compiled_init(cls: Any, members: Mapping[str, _Member], *, frozen: bool) -> Any:
    scope: dict[str, Any] = {"_MISSING": MISSING}
    positional: list[str] = []
    named: list[str] = []
    body = ["pass"]
    for name, member in members.items():
        field = member.field
        default = member.default if field is None else field.default
        factory = MISSING if field is None else field.default_factory
        parameter, value = name, name
        if factory is not MISSING:
            scope[f"_factory_{name}"] = factory
            parameter = f"{name}=_MISSING"
            value = f"_factory_{name}() if {name} is _MISSING else {name}"
        elif default is not MISSING:
            scope[f"_default_{name}"] = default
            parameter = f"{name}=_default_{name}"
        if field is not None and not field.init:
            if default is MISSING and factory is MISSING:
                continue
            value = f"_default_{name}" if factory is MISSING else f"_factory_{name}()"
        else:
            (named if member.kw_only else positional).append(parameter)
        if frozen:
            scope[f"_set_{name}"] = getattr(cls, name).__set__
            body.append(f"_set_{name}(self, {value})")
        else:
            body.append(f"self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    parameters = ", ".join(["self", *positional, *(["*", *named] if named else [])])
    exec(f"def __init__({parameters}):\n " + "\n ".join(body), scope)
    init = scope["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _compiled_eq(names: list[str]) -> Any:
    return _compiled(
        "__eq__(self, other)",
        " if other.__class__ is not self.__class__: return NotImplemented\n"
        f" return {_tuple('self', names)} == {_tuple('other', names)}",
    )


def _compiled_hash(names: list[str]) -> Any:
    return _compiled("__hash__(self)", f" return hash({_tuple('self', names)})")


def _compiled(head: str, body: str) -> Any:
    scope: dict[str, Any] = {}
    exec(f"def {head}:\n{body}", scope)
    return scope[head.partition("(")[0]]


def _tuple(of: str, names: list[str]) -> str:
    return f"({''.join(f'{of}.{name}, ' for name in names)})"


class _StandardFields:
    """`__dataclass_fields__` of a class, taken from a standard dataclass of the same fields."""

    def __init__(self, cls: Any, members: Mapping[str, _Member]) -> None:
        self._cls, self._members = cls, members

    def __get__(self, _self: object, _cls: type) -> Mapping[str, "Field[Any]"]:
        import dataclasses

        kinds: dict[str, Any] = {}
        for base in reversed(self._cls.__mro__):
            kinds |= vars(base).get("__annotations__", {})
        standard: Any = dataclasses.make_dataclass(
            self._cls.__name__,
            _specified(self._members, kinds),
            kw_only=True,
            eq=False,
            repr=False,
        )
        found: Mapping[str, Field[Any]] = standard.__dataclass_fields__
        self._cls.__dataclass_fields__ = found
        return found


def _specified(
    members: Mapping[str, _Member], kinds: Mapping[str, Any]
) -> Iterable[tuple[str, Any] | tuple[str, Any, Any]]:
    for name, member in members.items():
        kind = kinds[name]
        yield (name, kind) if member.default is MISSING else (name, kind, member.default)


if TYPE_CHECKING or sys.version_info >= (3, 14):
    # From 3.14 on the annotations of a class are evaluated when they are asked for.
    from dataclasses import dataclass
else:
    dataclass = lean_dataclass

__all__ = ["dataclass", "lean_dataclass"]
