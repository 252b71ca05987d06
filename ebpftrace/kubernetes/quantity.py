"""Quantities of Kubernetes: 64Mi, 1.5G, 128974848, 129e6, 500m.

Source: k8s.io/apimachinery/pkg/api/resource.
"""

import re

_QUANTITY = re.compile(r"(\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})([eE][+-]?\d{1,2}|[A-Za-z]{0,2})")
_SUFFIXES = {
    "": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3,
    **{name: 1000.0**power for power, name in enumerate("kMGTPE", 1)},
    **{f"{name}i": 1024.0**power for power, name in enumerate("KMGTPE", 1)},
}  # fmt: skip


def parse_bytes(text: object) -> int | None:
    """The bytes that a quantity is; None for what is none."""
    match = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    number, suffix = match.groups()
    if suffix not in _SUFFIXES and suffix[1:].lstrip("+-").isdigit():
        return int(float(f"{number}{suffix}"))
    factor = _SUFFIXES.get(suffix)
    return None if factor is None else int(float(number) * factor)
