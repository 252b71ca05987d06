"""How long a test waits for what has to come: longer where processors are emulated.

tests/vm sets EBPFTRACE_TEST_PATIENCE in its machines, a factor. Tests that run beside others
wait longer as well. It only decides how late a test gives up; no test passes by it.
"""

import os

IS_EMULATED = "EBPFTRACE_TEST_PATIENCE" in os.environ
_BESIDE_OTHERS = 3.0 if "PYTEST_XDIST_WORKER" in os.environ else 1.0
PATIENCE = float(os.environ.get("EBPFTRACE_TEST_PATIENCE", "1")) * _BESIDE_OTHERS


def patient(seconds: float) -> float:
    """What is generous on a machine of one's own, as seconds on this one."""
    return seconds * PATIENCE
