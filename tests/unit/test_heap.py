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


def test_what_was_freed_is_given_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    assert int(done.stdout) > 20 * MIB
