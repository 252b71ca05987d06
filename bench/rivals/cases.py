"""What happens to a job, the same for every guard."""

from dataclasses import dataclass

from ebpftrace.units import MIB

LIMIT = 256 * MIB
SWAP = 256 * MIB
BYSTANDER = "map 40MiB; touch 0; sleep 600000"
CALM_SECONDS = 6.0
SECONDS = 50.0


@dataclass(frozen=True, slots=True)
class Case:
    """`script` is what the culprit does (tests/workloads/exact) after its calm time."""

    name: str
    description: str
    script: str
    limit_bytes: int | None = LIMIT
    seconds: float = SECONDS  # at most


CASES = (
    Case("burst", "768 MiB at 200 MiB a second", "grow 200MiB 768MiB"),
    Case("leak", "12 MiB a second", "grow 12MiB 1GiB"),
    # Less than ebpftrace's bound on growth: only the thrashing can be detected.
    Case(
        "thrash",
        "a working set of 120 MiB under a limit of 96 MiB, gone through for 90 s",
        "; ".join(["map 120MiB", *["touch 0"] * 4000]),
        limit_bytes=96 * MIB,
        seconds=90.0,
    ),
    Case(
        "full node",
        "48 MiB a second, and the job has no limit",
        "grow 48MiB 2GiB",
        limit_bytes=None,
    ),
)
