"""Every action by its name in a policy, one file each."""

from ebpftrace.act.actions.kind import ActionKind

KINDS: tuple[ActionKind, ...] = ()

ACTIONS: dict[str, ActionKind] = {kind.name: kind for kind in KINDS}
