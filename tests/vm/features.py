"""What the probe finds on the kernel it runs on, as JSON; run inside the guest."""

import json
import platform

from ebpftrace.errors import ProbeError
from ebpftrace.probe import Selection
from ebpftrace.probe.calls import CallTraceMethod, choose
from ebpftrace.probe.kernel import KernelProbe
from ebpftrace.probe.loading.btf import Btf
from ebpftrace.units import KIB, PAGE_SIZE
from tests.support.cgroups import memory_hierarchy


def features() -> dict[str, object]:
    """What the page in docs/ has of a kernel, and what the probe remarks."""
    probe = KernelProbe(Selection(comms=("e2e-none",)))
    try:
        return {
            "page_kib": PAGE_SIZE // KIB,
            "release": platform.release(),
            "cgroups": memory_hierarchy()[1],
            "features": dict(probe.features),
            "remarks": list(probe.remarks),
            "means": [method.in_words for method in CallTraceMethod if _works(method)],
        }
    finally:
        probe.close()


def _works(method: CallTraceMethod) -> bool:
    try:
        choose(Btf.of_kernel(), method)
    except ProbeError:
        return False
    return True


if __name__ == "__main__":
    print(json.dumps(features()))
