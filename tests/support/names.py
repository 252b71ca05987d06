"""Names of test processes that nothing else on this machine uses."""

import os
import secrets


def unique_comm() -> str:
    """A process name, twelve letters long."""
    return f"e2e-{secrets.token_hex(4)}"


COMM = f"exact{os.getpid()}"
"""The name of the workloads of one pytest worker: the others watch theirs at the same time."""
