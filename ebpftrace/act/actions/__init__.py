"""Every action of a policy, by its name.

Each module of this package defines one action as its `ACTION`. There is no list of them:
a file that is added here is an action.
"""

from typing import Any

from ebpftrace.act.actions.support.action import Action
from ebpftrace.discovery import discover

ACTIONS: dict[str, Action[Any]] = discover(__name__, __path__, "ACTION", Action)
