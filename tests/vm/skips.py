"""Why a test may be skipped in a machine; any other reason is a failure there.

Machines are booted for what the host lacks: a test that says of one of them that it has no
fentry would otherwise be green on the day our own trial of fentry breaks.
"""

import re
from xml.etree import ElementTree

from tests.vm.kernels import in_order

_ALWAYS = (
    r"no v1 freezer here",
    r"on v2 .*",
    r"there is no gdb",
    r"there is no cpu controller for cgroups of our own",
    r"\S+ was not built: make fleet-tools",
    r"there is no containerd, and Debian's could not be had",
    r"this machine has no address but the loopback's, .*",
    r"there is no (Prometheus, and Debian's could not be had|openssl|systemd-analyze"
    r"|dpkg-deb|debootstrap)",
    r"Debian's archive does not answer: .*",
)
_SYSTEMD = (r"systemd runs here: see tests/vm",)
_PLAIN = (
    r"systemd is not process 1 here.*",
    r"these tests run in \S+, which is no service",
)
_BEFORE = {
    "5.11": (r"this kernel has no mmap_lock tracepoints: .*",),
    "5.14": (
        r"this kernel has no cgroup\.kill.*",
        r"this kernel has no kernel\.task_delayacct: .*",
    ),
    "5.16": (r"the kernel does not say how many they are: .*",),
    "5.19": (r"this kernel has no memory\.(peak|reclaim).*",),
    "6.2": (r"programs read memory by a helper here, .*",),
    "6.4": (r"the kernel has no iterators over numbers: .*",),
}
"""What came with a version of Linux, by the version."""


def unexpected(junit: str, series: str, systemd: bool) -> list[str]:
    """Tests that were skipped for what a machine of that series has, and what they said.

    `junit` is pytest's junit.xml; `systemd`: whether it is process 1 there.
    """
    allowed = [*_ALWAYS, *(_SYSTEMD if systemd else _PLAIN)]
    for version, reasons in _BEFORE.items():
        if in_order(series) < in_order(version):
            allowed += reasons
    return [
        f"{case.get('classname')}.{case.get('name')}: {reason or 'without a reason'}"
        for case in ElementTree.fromstring(junit).iter("testcase")
        if (skipped := case.find("skipped")) is not None
        and not _matches(allowed, reason := skipped.get("message", ""))
    ]


def _matches(patterns: list[str], reason: str) -> bool:
    return any(re.fullmatch(pattern, reason, re.DOTALL) for pattern in patterns)
