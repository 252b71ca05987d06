"""What an output needs of the watch that it belongs to."""

from collections.abc import Callable
from typing import Protocol


class OutputWaiter(Protocol):
    """What a `NonBlockingOutput` needs of the watch's `engine.waiting.waiter.Waiter`."""

    def when_writable(self, fd: int, write: Callable[[], bool]) -> None:
        """Call `write` whenever `fd` can take more, until `write` returns False."""

    def at_end(self, last: Callable[[], None]) -> None:
        """Call `last` when the watch ends."""

    def wait_to_write(self, fd: int) -> bool:
        """Wait until `fd` can take more; False if it is not going to in time."""
