"""Every action by its name in a policy, one file each."""

from collections.abc import Callable, Mapping
from typing import Any

from ebpftrace.act.actions import (
    capture,
    clean,
    freeze,
    notify,
    reclaim,
    shell,
    signal,
    systemd,
    thaw,
    throttle,
)
from ebpftrace.act.actions import exec as execute
from ebpftrace.act.actions.support.kind import ActionKind
from ebpftrace.act.actions.support.running import Running
from ebpftrace.act.incident.incident import Incident

_ACTIONS = (
    capture, notify, execute, shell, signal, systemd, reclaim, throttle, freeze, thaw, clean,
)  # fmt: skip

KINDS: tuple[ActionKind, ...] = tuple(action.KIND for action in _ACTIONS)

ACTIONS: dict[str, ActionKind] = {kind.name: kind for kind in KINDS}

Start = Callable[[Incident, Any], Running]

STARTS: Mapping[str, Start] = {action.KIND.name: action.start for action in _ACTIONS}
"""How each is started, with the options of its rung: it returns at once."""
