"""Earlier runs of a job, made of one number."""

from dataclasses import dataclass

from ebpftrace.units import format_bytes


@dataclass(frozen=True)
class More:
    """More is held than in any earlier run."""

    held_bytes: int
    most_bytes: int
    age_s: float

    @property
    def words(self) -> str:
        held, most = format_bytes(self.held_bytes), format_bytes(self.most_bytes)
        return f"holds {held} at {self.age_s:.0f} s; in its last 3 runs at most {most}"


@dataclass(frozen=True)
class AtMost:
    """Earlier runs that held at most so much, at any age."""

    most_bytes: int
    steady: bool = True

    def unusual(self, age_s: float, held_bytes: int, limit_bytes: int | None) -> More | None:
        if held_bytes <= self.most_bytes:
            return None
        return More(held_bytes, self.most_bytes, age_s)
