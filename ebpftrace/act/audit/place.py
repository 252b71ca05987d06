"""Where the audit log is, unless a user names another file."""

from pathlib import Path

DEFAULT_FILE = Path("/var/log/ebpftrace/audit.jsonl")
