"""How long a test waits for what has to come: longer where processors are emulated.

tests/vm sets EBPFTRACE_TEST_PATIENCE in its machines, a factor. It only decides how late a
test gives up; no test passes by it.
"""

import os

PATIENCE = float(os.environ.get("EBPFTRACE_TEST_PATIENCE", "1"))


def patient(seconds: float) -> float:
    """What is generous on a machine of one's own, as seconds on this one."""
    return seconds * PATIENCE
