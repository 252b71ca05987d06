import subprocess
import sys

from ebpftrace.units import MIB

# Every sixteenth block is kept: the C library gives back no more than its heap's end by itself.
_PROGRAM = """if True:
    import os
    from pathlib import Path
    from ebpftrace import heap

    def resident_pages():
        return int(Path("/proc/self/statm").read_text().split()[1])

    blocks = [b"x" * (64 << 10) for _ in range(512)]
    kept = blocks[::16]
    blocks.clear()
    before = resident_pages()
    heap.trim()
    print((before - resident_pages()) * os.sysconf("SC_PAGE_SIZE"))
"""

_COLLECTS = """if True:
    import gc, sys
    from ebpftrace import __main__, cli, heap
    collect = heap.collect_from_now_on

    def report():
        collect()
        print(gc.isenabled(), gc.get_freeze_count() > 1000)

    heap.collect_from_now_on = report
    if "watch" in sys.argv:  # without BPF: what it has imported up to here
        import ebpftrace.engine.environment as environment
        report_off = lambda *_, **_options: (print(gc.isenabled()), sys.exit())
        environment.KernelProbe = report_off
    __main__.main()
"""


def _run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


def test_what_was_freed_is_given_back() -> None:
    assert int(_run(_PROGRAM)) > 20 * MIB


def test_garbage_is_collected_once_a_command_is_imported() -> None:
    assert _run(_COLLECTS, "completion", "bash").splitlines()[0] == "True True"


def test_watch_collects_no_garbage_while_it_imports() -> None:
    assert _run(_COLLECTS, "watch", "--once", "--no-config") == "False\n"
