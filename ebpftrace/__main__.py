"""The program `ebpftrace`, also as `python -m ebpftrace`.

Its first act is to say what an interrupt does, before anything slow is imported: Python's
own KeyboardInterrupt shows a traceback, or is lost, where it meets an import.
"""

import os
import signal
from types import FrameType

INTERRUPTED = 130


def main() -> None:
    """Run the command line; never returns."""
    signal.signal(signal.SIGINT, _leave)
    from ebpftrace.cli import main as run

    run()


def _leave(_number: int, _frame: FrameType | None) -> None:
    """Nothing is attached: while something is, a watch has handlers of its own."""
    os.write(2, b"\nebpftrace: interrupted\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
