"""The program `ebpftrace`, also as `python -m ebpftrace`.

It installs a handler for SIGINT before it imports anything slow: during an import, a
KeyboardInterrupt would show a traceback or get lost.
"""

import gc
import os

INTERRUPTED = 130


def main() -> None:
    """Run the command line; never returns."""
    gc.disable()  # until `heap.collect_from_now_on`
    try:
        import signal  # slow: it imports enum

        signal.signal(signal.SIGINT, _leave)
    except KeyboardInterrupt:
        _leave()
    from ebpftrace.cli import main as run

    run()


def _leave(*_: object) -> None:
    """Exit at once. Nothing is attached yet: a watch installs its own handlers."""
    os.write(2, b"\nebpftrace: interrupted\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
