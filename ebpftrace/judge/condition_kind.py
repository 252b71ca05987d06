"""How a policy asks for a detector: its settings, and the condition in words.

Policies are written in TOML, which the judge knows nothing of: a setting has a type, and
act/policy says how a value of that type is written.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Generic, TypeVar

_Made = TypeVar("_Made")


class SettingType(Enum):
    """What a setting's value is once it was read."""

    SIZE = auto()  # bytes, above 0: int
    SHARE = auto()  # 0..1: float
    SIZE_OR_SHARE = auto()  # bytes, or a share of the limit: Bound
    RATE = auto()  # bytes per second: int
    DURATION = auto()  # nanoseconds, above 0: int
    SEVERITY = auto()  # Severity


@dataclass(frozen=True, slots=True)
class Bound:
    """Bytes, or where `is_share` is set a share (0..1) of the tightest limit."""

    value: float
    is_share: bool = False

    @property
    def in_bytes(self) -> int | None:
        return None if self.is_share else round(self.value)

    @property
    def as_share(self) -> float | None:
        return self.value if self.is_share else None


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of a condition. Those that are not `required` have a default in `build`."""

    name: str
    type: SettingType
    doc: str  # one line
    required: bool


@dataclass(frozen=True, slots=True)
class ConditionKind(Generic[_Made]):
    """One value of `detector` in a policy's `when`. Nothing has a default on purpose."""

    name: str
    doc: str  # one line
    settings: tuple[Setting, ...]
    per_process: bool  # whether it can be asked of one process (`of = "process"`)
    build: Callable[..., _Made]  # takes the settings by name
    describe: Callable[[_Made, str], str]  # of "a job" or "a process": "a job holds 2 GiB"
