"""The only room that knows bcc: kernel programs in, typed events out."""

from ebpftrace.probe.kernel import Probe
from ebpftrace.probe.selection import Selection

__all__ = ["Probe", "Selection"]
