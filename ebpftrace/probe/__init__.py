"""The only room that knows bcc: kernel programs in, typed events out.

`KernelProbe` in `probe.kernel` implements `Probe`; only what constructs it imports it.
"""

from ebpftrace.probe.interface import (
    AfterResumes,
    FuseControl,
    FuseDefault,
    Heir,
    HeirControl,
    Probe,
)
from ebpftrace.probe.selection import Selection

__all__ = [
    "AfterResumes",
    "FuseControl",
    "FuseDefault",
    "Heir",
    "HeirControl",
    "Probe",
    "Selection",
]
