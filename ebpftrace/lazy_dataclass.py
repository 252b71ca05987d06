"""`dataclass` for a quick start: the methods of a class are made when one is first called.

The standard library compiles six methods of each class as its module is imported, which was
nearly half of the time of all our imports; of most classes a watch uses `__init__` or nothing.
It makes the other methods here as well, later. What is no plain value with slots is left to it.
"""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import field
from typing import TYPE_CHECKING, Any

_OPTIONS = {"frozen", "slots", "eq"}


def _lazy_dataclass(**options: bool) -> Callable[[type], type]:
    """A decorator, with the options of the standard one."""

    def decorate(cls: type) -> type:
        if not options.get("slots") or not options.keys() <= _OPTIONS:
            standard: type = dataclasses.dataclass(**options)(cls)
            return standard
        return _Methods(cls, options.get("frozen", False), options.get("eq", True)).made

    return decorate


if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    dataclass = _lazy_dataclass

__all__ = ["dataclass", "field"]


class _Methods:
    """The methods of one class; `made` is the class, with slots."""

    def __init__(self, cls: type, frozen: bool, eq: bool) -> None:
        self._frozen, self._eq = frozen, eq
        body = {key: it for key, it in cls.__dict__.items() if key not in _NOT_WITH_SLOTS}
        self._post_init = hasattr(cls, "__post_init__")
        self._shadow, annotations = dict(_inherited(cls)), body.get("__annotations__", {})
        names = [name for name in annotations if not _is_class_variable(annotations[name])]
        types = dict.fromkeys(self._shadow, Any) | annotations
        self._shadow |= {name: body.pop(name) for name in names if name in body}
        self._shadow |= {"__annotations__": types, "__module__": cls.__module__}
        self._lazy = {name for name in ("__init__", "__repr__") if name not in body}
        if eq and "__eq__" not in body:
            self._lazy.add("__eq__")
        if eq and frozen and "__hash__" not in cls.__dict__:
            self._lazy.add("__hash__")
        elif eq and not frozen:
            body.setdefault("__hash__", None)
        body |= {name: self._first(name) for name in self._lazy}
        if frozen:
            body |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
            body |= {"__getstate__": _state, "__setstate__": _set_state}
        for name in _ATTRIBUTES:
            body[name] = _Attribute(name, self)
        self.made: type = type(cls)(
            cls.__name__, cls.__bases__, body | {"__slots__": (*names,)}
        )
        self.made.__qualname__ = cls.__qualname__

    def fields(self) -> tuple["dataclasses.Field[Any]", ...]:
        """Its fields, which `dataclasses.fields` and `replace` read from it from now on."""
        standard: type = dataclasses.dataclass(init=False, repr=False, eq=False)(self._copy())
        standard.__dict__["__dataclass_params__"].frozen = self._frozen
        for name in _ATTRIBUTES:
            setattr(self.made, name, standard.__dict__[name])
        return dataclasses.fields(standard)

    def _copy(self) -> type:
        """A class with these fields, of which the standard library makes the methods."""
        return type(self.made.__name__, (), dict(self._shadow))

    def _first(self, name: str) -> Callable[..., Any]:
        """A method that is replaced by the real one as it is first called."""

        def first(instance: Any, *args: Any, **values: Any) -> Any:
            if name == "__init__":
                made = {name: _init(self.fields(), self._frozen, self._post_init)}
            else:
                unsafe_hash = self._eq and self._frozen
                standard = dataclasses.dataclass(
                    init=False, eq=self._eq, unsafe_hash=unsafe_hash
                )
                made = dict(standard(self._copy()).__dict__)
            for each in self._lazy & made.keys():
                setattr(self.made, each, made[each])
            return made[name](instance, *args, **values)

        return first


class _Attribute:
    """What `dataclasses.fields` and `replace` read from the class, made as it is first read."""

    def __init__(self, name: str, methods: _Methods) -> None:
        self._name, self._methods = name, methods

    def __get__(self, _instance: object, _owner: type) -> Any:
        self._methods.fields()
        return self._methods.made.__dict__[self._name]


def _init(
    fields: "tuple[dataclasses.Field[Any], ...]", frozen: bool, post_init: bool
) -> Callable[..., None]:
    """The method `__init__` of a class with these fields."""
    scope: dict[str, Any] = {"assign": object.__setattr__, "absent": object()}
    parameters, lines = ["self"], []
    for it in fields:
        value, default = it.name, ""
        if it.default is not dataclasses.MISSING:
            default = f"default_{it.name}"
            scope[default] = it.default
        elif it.default_factory is not dataclasses.MISSING:
            scope[f"make_{it.name}"] = it.default_factory
            default = f"make_{it.name}()"
        if not it.init:
            if not default:
                continue
            value = default
        elif default.endswith("()"):
            parameters.append(f"{it.name}=absent")
            value = f"{default} if {it.name} is absent else {it.name}"
        else:
            parameters.append(f"{it.name}={default}" if default else it.name)
        name = it.name
        lines.append(f"assign(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
    if post_init:
        lines.append("self.__post_init__()")
    exec(f"def __init__({', '.join(parameters)}):\n {'; '.join(lines) or 'pass'}", scope)
    made: Callable[..., None] = scope["__init__"]
    return made


_NOT_WITH_SLOTS = {"__dict__", "__weakref__"}
_ATTRIBUTES = ("__dataclass_fields__", "__dataclass_params__", "__match_args__")


def _is_class_variable(annotation: object) -> bool:
    return str(annotation).startswith(("typing.ClassVar", "ClassVar"))


def _inherited(cls: type) -> Iterator[tuple[str, Any]]:
    """The fields of its bases, anew: the standard library keeps what it is given."""
    for base in filter(dataclasses.is_dataclass, reversed(cls.__mro__[1:])):
        for it in dataclasses.fields(base):
            yield (
                it.name,
                field(
                    default=it.default, default_factory=it.default_factory, init=it.init,
                    repr=it.repr, hash=it.hash, compare=it.compare,
                ),
            )  # fmt: skip


def _refuse_to_set(_self: object, name: str, _value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, it.name) for it in dataclasses.fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for it, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, it.name, value)
