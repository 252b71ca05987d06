"""Every action of a policy, by its name.

Each module of this package defines one action as its `ACTION`. There is no list of them:
a file that is added here is an action.
"""

import pkgutil
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from ebpftrace.act.actions.support.action import Action


def load_actions(paths: Iterable[str]) -> dict[str, Action[Any]]:
    """The actions of the modules in `paths`, which are folders of this package.

    TypeError for a module without an action, ValueError for one under another name.
    """
    actions: dict[str, Action[Any]] = {}
    for module in pkgutil.iter_modules(paths):
        if module.ispkg:
            continue
        action = getattr(import_module(f"{__name__}.{module.name}"), "ACTION", None)
        if not isinstance(action, Action):
            raise TypeError(f"{__name__}.{module.name} defines no ACTION")
        if action.name != module.name:
            raise ValueError(f"{__name__}.{module.name} defines the action {action.name!r}")
        actions[action.name] = action
    return actions


ACTIONS = load_actions(__path__)
