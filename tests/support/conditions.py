"""Conditions of policies, as their file would make them."""

from typing import Any

from ebpftrace.act.policy.policy import Condition
from ebpftrace.judge.condition_kind import Bound
from ebpftrace.judge.detectors import CONDITION_KINDS
from ebpftrace.units import MIB, NS_PER_SECOND


def condition(name: str, *, per_process: bool = False, **settings: Any) -> Condition:
    """`settings` are as the reader of the policy file gives them."""
    kind = CONDITION_KINDS[name]
    return Condition(kind, kind.build(**settings), per_process)


def level(bound: float = 300 * MIB, *, share: bool = False, **changes: Any) -> Condition:
    return condition("level", bound=Bound(bound, share), **changes)


def growth(
    bound: float = 200 * MIB,
    window_ns: int = 60 * NS_PER_SECOND,
    *,
    share: bool = False,
    **changes: Any,
) -> Condition:
    return condition("growth", bound=Bound(bound, share), window=window_ns, **changes)
