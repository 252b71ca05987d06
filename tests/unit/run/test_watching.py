"""The watch beside a command: how it is started."""

import subprocess
import sys

PROGRAM = """
import sys

sys.path[:] = {0!r}
from ebpftrace.run.watching import WatchBeside

watch = WatchBeside(["--no-such-option"])
watch.begin()
watch.started.wait(60)
watch.end()
print(watch.trouble)
"""


def test_it_is_started_where_a_launcher_has_added_the_package_to_the_path() -> None:
    """As that of the Debian package does: the interpreter itself does not have ebpftrace."""
    interpreter = sys._base_executable  # type: ignore[attr-defined]
    done = subprocess.run(
        [interpreter, "-I", "-c", PROGRAM.format(sys.path)],
        capture_output=True, text=True, check=False, timeout=120, cwd="/",
    )  # fmt: skip
    assert "no such option '--no-such-option'" in done.stdout, done.stdout + done.stderr
