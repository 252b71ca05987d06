"""Names of test processes that nothing else on this machine uses."""

import secrets


def unique_comm() -> str:
    """A process name, twelve letters long."""
    return f"e2e-{secrets.token_hex(4)}"
