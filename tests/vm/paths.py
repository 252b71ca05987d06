"""Where images and kernels are kept, for all clones of a user, and the results of this one."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUEST = Path(__file__).parent / "guest"
RESULTS = ROOT / ".cache" / "vm" / "results"

_USERS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
CACHE = Path(os.environ.get("EBPFTRACE_VM_CACHE") or _USERS / "ebpftrace" / "vm")
"""Outside of the clone, so that a fresh one does not make everything anew."""
