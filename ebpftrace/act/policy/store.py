"""The policies in force: read at start and on SIGHUP, and kept if the file is wrong.

What reads them is imported where there is a file: most watches have none.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ebpftrace.errors import EbpftraceError

if TYPE_CHECKING:
    from ebpftrace.act.actions.support.action import Action
    from ebpftrace.act.policy.policy import Policy

SYSTEM_FILE = Path("/etc/ebpftrace/policy.toml")


def default_file(environ: Mapping[str, str], system: Path = SYSTEM_FILE) -> Path | None:
    """The first that exists: the user's below XDG_CONFIG_HOME or ~/.config, or the system's.

    Source: XDG Base Directory Specification, which asks to ignore relative paths.
    """
    places = [system]
    config, home = Path(environ.get("XDG_CONFIG_HOME", "")), Path(environ.get("HOME", ""))
    if config.is_absolute():
        places.insert(0, config / "ebpftrace/policy.toml")
    elif home.is_absolute():
        places.insert(0, home / ".config/ebpftrace/policy.toml")
    return next((file for file in places if os.path.lexists(file)), None)


class Reloaded(NamedTuple):
    """The result of a reload. Without an `error` the new policies are in force."""

    policies: tuple[Policy, ...]
    error: EbpftraceError | None = None

    @property
    def sentence(self) -> str:
        """One line, or one for each mistake if the old policies were kept."""
        count = f"{len(self.policies)} polic{'y' if len(self.policies) == 1 else 'ies'}"
        if self.error is None:
            return f"{count} reloaded"
        why = f": {self.error.why}" if self.error.why else ""
        return f"not reloaded, {count} kept: {self.error.what}{why}"


class PolicyStore:
    """Policies from a file, or fixed ones from the command line; replaced as a whole."""

    def __init__(
        self,
        file: Path | None,
        fixed: tuple[Policy, ...] = (),
        *,
        dry_run: bool = False,
        actions: Mapping[str, Action[Any]] | None = None,
    ) -> None:
        """Read the file. Raises as `read_policies` does: a bad file starts no watch.

        `actions` are all that there are, unless they are given.
        """
        self.file = file
        self._fixed = fixed
        self._dry_run = dry_run
        self._actions = actions
        self._policies = self._read()

    @property
    def policies(self) -> tuple[Policy, ...]:
        return self._policies

    def reload(self) -> Reloaded:
        """Read the file again. If it is wrong, the old policies stay in force."""
        try:
            self._policies = self._read()
        except EbpftraceError as error:
            return Reloaded(self._policies, error)
        return Reloaded(self._policies)

    def _read(self) -> tuple[Policy, ...]:
        policies = self._fixed if self.file is None else self._read_file(self.file)
        if self._dry_run:
            return tuple(replace(policy, dry_run=True) for policy in policies)
        return policies

    def _read_file(self, file: Path) -> tuple[Policy, ...]:
        from ebpftrace.act.actions import ACTIONS
        from ebpftrace.act.policy.file import read_policies

        return read_policies(file, ACTIONS if self._actions is None else self._actions)
