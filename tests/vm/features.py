"""What the probe finds on the kernel it runs on, as JSON; run inside the guest."""

import json
import platform

from ebpftrace.errors import ProbeError
from ebpftrace.probe import Selection
from ebpftrace.probe.calls import CallTraceMethod, choose
from ebpftrace.probe.kernel import KernelProbe
from ebpftrace.probe.loading.btf import Btf
from tests.support.cgroups import memory_hierarchy


def features() -> dict[str, object]:
    """The release, the cgroup version, what each part uses, and what is remarked."""
    probe = KernelProbe(Selection(comms=("nobody",)))
    try:
        return {
            "release": platform.release(),
            "cgroups": memory_hierarchy()[1],
            "features": dict(probe.features),
            "remarks": list(probe.remarks),
            "means": [means.in_words for means in CallTraceMethod if _works(means)],
        }
    finally:
        probe.close()


def _works(means: CallTraceMethod) -> bool:
    try:
        choose(Btf.of_kernel(), means)
    except ProbeError:
        return False
    return True


if __name__ == "__main__":
    print(json.dumps(features()))
