"""What the modules of a package define, by name: a file that is added needs no list."""

import pkgutil
from collections.abc import Iterable
from importlib import import_module
from typing import Protocol, TypeVar


class Named(Protocol):
    """What can be discovered: it has the name of its module."""

    @property
    def name(self) -> str: ...


NamedT = TypeVar("NamedT", bound=Named)


def discover(
    package: str,
    paths: Iterable[str],
    constant: str,
    kind: type[NamedT],
    *,
    optional: bool = False,
) -> dict[str, NamedT]:
    """The `constant` of each module in `paths`, which are folders of `package`.

    An `optional` constant may be None, and is left out then; folders are left out, too.
    TypeError for a module that does not define it, ValueError for one under another name.
    """
    found: dict[str, NamedT] = {}
    for module in pkgutil.iter_modules(paths):
        if module.ispkg:
            continue
        path = f"{package}.{module.name}"
        values = vars(import_module(path))
        value = values.get(constant)
        if optional and value is None and constant in values:
            continue
        if not isinstance(value, kind):
            raise TypeError(f"{path} defines no {constant}")
        if value.name != module.name:
            raise ValueError(f"the {constant} of {path} is named {value.name!r}")
        found[value.name] = value
    return found
