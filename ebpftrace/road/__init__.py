"""The road from the kernel to a view: assembled, waited on and walked here, by one thread."""

from ebpftrace.road.request import Request
from ebpftrace.road.watch import watch

__all__ = ["Request", "watch"]
