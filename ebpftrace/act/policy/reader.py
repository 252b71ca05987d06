"""The tables of a policy file, one by one, into policies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ebpftrace.act.actions import ACTIONS
from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.policy.conditions import condition_keys
from ebpftrace.act.policy.fuse import BACKSTOP_SHARE, Fuse, FuseAction, backstop
from ebpftrace.act.policy.keys import BUDGET, FUSE, LEVEL, MATCH, POLICY, STEP
from ebpftrace.act.policy.policy import (
    Budget,
    Condition,
    Match,
    Mode,
    Policy,
    Step,
    needs_backstop,
)
from ebpftrace.act.policy.toml.locations import KeyPath
from ebpftrace.act.policy.toml.tables import Key, TableReader, keys_of, suggestion
from ebpftrace.act.policy.toml.values import found
from ebpftrace.judge.condition_kind import Bound, ConditionKind
from ebpftrace.text import clean

_TABLES = ("match", "when", "then", "budget", "fuse")
OPTION_TABLES = ("watch", "serve")
"""Tables with options of these commands, which cli/settings.py reads."""

_FUSE = Key("fuse", "bound", LEVEL, "")
_Read = TypeVar("_Read")


def default_step(
    action: str, actions: Mapping[str, Action[Any]] = ACTIONS, **options: object
) -> Step:
    """A step with these options, and defaults for the rest."""
    kind = actions[action]
    return Step(action, kind.timeout_ns, kind.options(**options))


def with_evidence(ladder: list[Step], actions: Mapping[str, Action[Any]]) -> list[Step]:
    """The ladder, which starts with saving evidence if no step of it does that."""
    saving = [name for name, action in actions.items() if action.saves_evidence]
    if any(step.action in saving for step in ladder):
        return ladder
    return [*(default_step(name, actions) for name in saving), *ladder]


@dataclass(frozen=True, slots=True)
class PolicyReader:
    """Reads what tomllib returned; mistakes are collected in `reading`."""

    reading: TableReader
    actions: Mapping[str, Action[Any]]
    detectors: Mapping[str, ConditionKind[Any]]

    def file(self, table: dict[str, Any]) -> tuple[Policy, ...]:
        """The policies without a mistake, in their order."""
        self.reading.values(table, (), (), known=("policy", *OPTION_TABLES))
        if "policy" not in table and any(name in table for name in OPTION_TABLES):
            return ()
        if "policy" not in table:
            self.reading.mistake((), "no policy", "at least one [[policy]]")
            return ()
        made = []
        names: dict[str, int] = {}
        for index, inner in enumerate(self.reading.tables(table["policy"], ("policy",))):
            if inner is None:
                continue
            path: KeyPath = ("policy", index)
            policy = self._policy(inner, path)
            self._name(inner.get("name"), index, names)
            if policy is not None:
                made.append(policy)
        return tuple(made)

    def _name(self, name: object, index: int, names: dict[str, int]) -> None:
        """Names are unique; checked whatever else is wrong with the policy."""
        if not isinstance(name, str):
            return
        if name in names:
            other = self.reading.line(("policy", names[name], "name"))
            self.reading.mistake(
                ("policy", index, "name"),
                f"the same name as in line {other}",
                "a unique name",
            )
        names.setdefault(name, index)

    def _policy(self, table: dict[str, Any], path: KeyPath) -> Policy | None:
        reading = self.reading
        before = len(reading.mistakes)
        values = reading.values(table, POLICY, path, known=_TABLES)
        match = self._plain(table, "match", MATCH, path)
        budget = self._plain(table, "budget", BUDGET, path)
        fuse = self._fuse(table, path)
        # A fuse needs no condition, and has a step of its own at the end.
        optional = "fuse" in table
        when = self._listed(table, "when", path, self._condition, optional=optional)
        ladder = self._listed(table, "then", path, self._step, optional=optional)
        mode = values.pop("mode", Mode.ANY)
        share = values.pop("backstop", BACKSTOP_SHARE)
        covered = needs_backstop(when, mode)
        if "backstop" in table and (optional or not covered):
            reading.mistake(
                (*path, "backstop"), "a backstop of a policy that needs none",
                "no such key: it is for `detector = \"builtin\"` without a `fuse`",
            )  # fmt: skip
        if len(reading.mistakes) > before:
            return None
        if fuse is None and covered and share is not None:
            fuse = backstop(share)
        if values.pop("capture", True):
            ladder = with_evidence(ladder, self.actions)
        return Policy(
            match=Match(**match),
            when=tuple(when),
            mode=mode,
            ladder=tuple(ladder),
            budget=Budget(**budget),
            fuse=fuse,
            **values,
        )

    def _fuse(self, table: dict[str, Any], path: KeyPath) -> Fuse | None:
        """`fuse = "90%"`, or a table of its own."""
        if "fuse" not in table:
            return None
        written = table["fuse"]
        if not isinstance(written, dict):
            values = self.reading.values({"fuse": written}, (_FUSE,), path, known=())
        else:
            values = self.reading.values(written, FUSE, (*path, "fuse"), known=())
        if "bound" not in values:
            return None
        bound: Bound = values.pop("bound")
        fuse = Fuse(bound.value, bound.is_share, **values)
        if fuse.share and fuse.bound >= 1:
            self.reading.mistake(
                (*path, "fuse"), f"{100 * fuse.bound:g}%, where the OOM killer comes first",
                "less than 100%",
            )  # fmt: skip
        if fuse.action is FuseAction.KILL:
            self._nothing_after_a_kill(table, written, path)
        return fuse

    def _nothing_after_a_kill(
        self, table: dict[str, Any], written: object, path: KeyPath
    ) -> None:
        """Keys that would have no effect are a mistake."""
        for key in ("then", "resumed"):
            if isinstance(written, dict) and key in written:
                self.reading.mistake(
                    (*path, "fuse", key),
                    "a key without effect: the fuse kills at once",
                    "no such key",
                )
        if "then" in table and "when" not in table:
            self.reading.mistake(
                (*path, "then"), "a ladder that is never run: the fuse kills at once",
                "no such key, or a `when`",
            )  # fmt: skip

    def _plain(
        self, table: dict[str, Any], name: str, keys: tuple[Key, ...], path: KeyPath
    ) -> dict[str, Any]:
        """The values of a table that may be missing."""
        if name not in table:
            return {}
        inner = self.reading.table(table[name], (*path, name))
        if inner is None:
            return {}
        return self.reading.values(inner, keys, (*path, name), known=())

    def _listed(
        self,
        table: dict[str, Any],
        name: str,
        path: KeyPath,
        read: Callable[[dict[str, Any], KeyPath], _Read | None],
        *,
        optional: bool = False,
    ) -> list[_Read]:
        """What `read` makes of each table of an array."""
        path = (*path, name)
        if name not in table and optional:
            return []
        if name not in table:
            self.reading.mistake(path, "no such key", "an array of tables")
            return []
        made = []
        for index, inner in enumerate(self.reading.tables(table[name], path)):
            if inner is not None and (value := read(inner, (*path, index))) is not None:
                made.append(value)
        return made

    def _condition(self, table: dict[str, Any], path: KeyPath) -> Condition | None:
        detector = self._choice(table, "detector", self.detectors, path)
        if detector is None:
            return None
        kind, before = self.detectors[detector], len(self.reading.mistakes)
        values = self.reading.values(table, condition_keys(kind), path, known=("detector",))
        if len(self.reading.mistakes) > before:
            return None
        per_process = values.pop("per_process", False)
        try:
            return Condition(kind, kind.build(**values), per_process)
        except ValueError as error:
            self.reading.mistake(path, f"settings that do not fit: {clean(str(error))}", "")
            return None

    def _step(self, table: dict[str, Any], path: KeyPath) -> Step | None:
        action = self._choice(table, "action", self.actions, path)
        if action is None:
            return None
        kind, before = self.actions[action], len(self.reading.mistakes)
        options = keys_of(kind.options)
        names = ("action", *(key.name for key in options))
        timeout = self.reading.values(table, STEP, path, known=names)
        rest = {name: value for name, value in table.items() if name in names[1:]}
        values = self.reading.values(rest, options, path, known=())
        if len(self.reading.mistakes) > before:
            return None
        try:
            made = kind.options(**values)
        except ValueError as error:
            self.reading.mistake(path, f"options that do not fit: {clean(str(error))}", "")
            return None
        return Step(action, timeout.get("timeout_ns", kind.timeout_ns), made)

    def _choice(
        self, table: dict[str, Any], name: str, known: Mapping[str, object], path: KeyPath
    ) -> str | None:
        """The name that determines the other keys of the table."""
        if name not in table:
            self.reading.mistake((*path, name), "no such key", f"one of {', '.join(known)}")
            return None
        value = table[name]
        if isinstance(value, str) and value in known:
            return value
        expected = suggestion(value if isinstance(value, str) else "", tuple(known))
        self.reading.mistake((*path, name), found(value), expected)
        return None
