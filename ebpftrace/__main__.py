"""The program `ebpftrace`, also as `python -m ebpftrace`.

Its first act is to say what an interrupt does, before anything slow is imported: Python's
own KeyboardInterrupt shows a traceback, or is lost, where it meets an import.
"""

import os

INTERRUPTED = 130


def main() -> None:
    """Run the command line; never returns."""
    try:
        import signal  # slow for its size: it brings enum

        signal.signal(signal.SIGINT, _leave)
    except KeyboardInterrupt:
        _leave()
    from ebpftrace.cli import main as run

    run()


def _leave(*_: object) -> None:
    """Nothing is attached: while something is, a watch has handlers of its own."""
    os.write(2, b"\nebpftrace: interrupted\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
