"""The detectors, one a file, and which of them a policy can ask for.

Each module of this package says how a policy asks for its detector, as its `CONDITION`; None
where no policy can. There is no list of them: a file that is added here is a detector.
"""

import pkgutil
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from ebpftrace.judge.condition_kind import ConditionKind


def load_detectors(paths: Iterable[str]) -> dict[str, ConditionKind[Any]]:
    """The conditions of the modules in `paths`, which are folders of this package.

    TypeError for a module without a condition, ValueError for one under another name.
    """
    kinds: dict[str, ConditionKind[Any]] = {}
    for module in pkgutil.iter_modules(paths):
        found = vars(import_module(f"{__name__}.{module.name}"))
        kind = found.get("CONDITION")
        if not isinstance(kind, ConditionKind) and (
            "CONDITION" not in found or kind is not None
        ):
            raise TypeError(f"{__name__}.{module.name} defines no CONDITION")
        if kind is None:
            continue
        if kind.name != module.name:
            raise ValueError(f"{__name__}.{module.name} defines the condition {kind.name!r}")
        kinds[kind.name] = kind
    return kinds


CONDITION_KINDS = load_detectors(__path__)
