"""What a call costs, in numbers that the load of the machine does not change."""

import sys
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import FrameType
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Effort(Generic[Result]):
    """`steps` are lines of Python that ran: some thirty thousand take a millisecond.

    `cpu_seconds` is the thread's processor time, also of what is not Python, such as a regular
    expression. To count lines takes several times as long as the lines.
    """

    result: Result
    steps: int
    peak_bytes: int
    cpu_seconds: float


def effort_of(call: Callable[[], Result]) -> Effort[Result]:
    """Makes the call, counts its lines, and measures the most memory that it held.

    The call is made on a thread of its own. There it is not handed to a worker
    (ebpftrace.host.bounded), whose lines would not be counted.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_effort_of, call).result()


def _effort_of(call: Callable[[], Result]) -> Effort[Result]:
    steps = 0

    def trace(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal steps
        steps += event == "line"
        return trace

    before = sys.gettrace()
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    tracemalloc.reset_peak()
    held, _ = tracemalloc.get_traced_memory()
    began = time.thread_time()
    sys.settrace(trace)
    try:
        result = call()
    finally:
        sys.settrace(before)
        seconds = time.thread_time() - began
        _, peak = tracemalloc.get_traced_memory()
        if not tracing:
            tracemalloc.stop()
    return Effort(result, steps, peak - held, seconds)
