"""Whether the kernel programs loop by iterators, of which the verifier follows the first turns.

Of any other loop it follows each turn, with each way through it: most of the time of a start.
The iterators are kernel functions, since Linux 6.4 (6018e1f407cc "bpf: implement numbers
iterator"). Where a kernel has them and refuses a program with them all the same, the programs
are loaded without: see opening.py.
"""

from ebpftrace.probe.loading.known_types import KernelTypes
from ebpftrace.probe.loading.objects import FIRST_KFUNC

_PREFIX = "ITER_NUM_"
_CALLS = ("new", "next", "destroy")


def iterator_calls(btf: KernelTypes) -> dict[str, int]:
    """Constants for the compiler with which programs loop by iterators; {} without them."""
    try:
        calls = {
            f"{_PREFIX}{call.upper()}": btf.function_id(f"bpf_iter_num_{call}")
            for call in _CALLS
        }
    except KeyError:
        return {}
    return calls if min(calls.values()) >= FIRST_KFUNC else {}


def without_iterators(flags: tuple[str, ...]) -> tuple[str, ...]:
    """The compiler's flags for the same programs with loops that any kernel takes."""
    return tuple(flag for flag in flags if not flag.startswith(f"-D{_PREFIX}"))
