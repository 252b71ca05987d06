"""Environments of CI jobs, as a process has them."""

from collections.abc import Mapping

from ebpftrace.host.environ import Environ


def environ(base: Mapping[str, str], **changes: str | None) -> Environ:
    """`base` with changes; None takes a variable out."""
    merged = {**base, **changes}
    raw = "".join(f"{name}={value}\0" for name, value in merged.items() if value is not None)
    return Environ(raw.encode())
