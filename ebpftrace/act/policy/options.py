"""The options of `watch` that make a policy, as they were given: reading them takes no detector
and no action, so that a watch without a policy imports none."""

from typing import NamedTuple


class PolicyOptions(NamedTuple):
    """What was written on the command line; None where an option was not given."""

    growth: str | None = None
    level: str | None = None
    on_breach: str | None = None
    fuse: str | None = None
    backstop: str | None = None
    no_backstop: bool = False
    grace: str | None = None

    @property
    def make_a_policy(self) -> bool:
        """Whether at least one of them makes a policy; the others only change it."""
        return any(
            value is not None for value in (self.growth, self.level, self.on_breach, self.fuse)
        )

    @property
    def given(self) -> bool:
        """Whether any of them was given, also one that only changes a policy."""
        return self != PolicyOptions()
