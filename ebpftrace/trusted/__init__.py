"""Files and folders that only root, or the user who runs ebpftrace, can change."""

from ebpftrace.trusted.folder import TrustedFolder, open_trusted

__all__ = ["TrustedFolder", "open_trusted"]
