"""Runs a watch: opens what it needs, waits, and passes events from the kernel to the views.

All of it runs on one thread.
"""

from ebpftrace.engine.request import WatchRequest
from ebpftrace.engine.watch import watch

__all__ = ["WatchRequest", "watch"]
