"""What a step is to its ladder, by the name of its action."""

from ebpftrace.act.fuse.ladder import LET_GO

TELLING = frozenset({"capture", "notify", LET_GO})
"""These change nothing: whether it helped is not asked after them."""

HOLDING = frozenset({"throttle", "freeze", "thaw"})
"""These win time for the next rung: whether it helped is asked only after the last."""

BESIDE = frozenset({"notify"})
"""Nobody waits for these: a server that does not answer holds up no signal."""

AFTERWARDS = frozenset({"clean"})
"""These are about what a process left behind: once it is known what became of it."""

ENDING = frozenset({"signal", "systemd", "exec", "shell"})
"""These may end a process: they are on the budget."""
