"""The road from the kernel to a view: assembled, waited on and walked here, by one thread."""

from ebpftrace.engine.request import WatchRequest
from ebpftrace.engine.watch import watch

__all__ = ["WatchRequest", "watch"]
