"""The evidence of an incident and its lines of the audit log as a tar archive, in a stream.

Source: POSIX.1-2008, pax, "ustar Interchange Format".
"""

import io
import json
import os
import tarfile
from collections.abc import Iterator

from ebpftrace.errors import EbpftraceError
from ebpftrace.incidents.evidence import Evidence, SavedFile
from ebpftrace.incidents.logged import Lines
from ebpftrace.units import KIB

AUDIT = "audit.jsonl"
"""What the incident's lines of the audit log are called in the archive."""

_CHUNK = 64 * KIB
_END = bytes(2 * tarfile.BLOCKSIZE)


class Archive:
    """Made of chunks of 64 KiB at most; `size_bytes` is known before the first.

    All members are below a folder of the incident's id, with the mode 0600 and no owner.
    """

    def __init__(self, incident: str, lines: Lines, evidence: Evidence | None) -> None:
        """OSError if the folder of evidence cannot be read."""
        self._incident, self._evidence = incident, evidence
        text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
        self._log = text.encode()
        self._files = [] if evidence is None else evidence.files()
        self._files = [file for file in self._files if file.name != AUDIT]
        sizes = [file.size_bytes for file in self._files]
        if self._log:
            sizes.append(len(self._log))
        self.size_bytes = sum(tarfile.BLOCKSIZE + _padded(size) for size in sizes) + len(_END)

    def chunks(self) -> Iterator[bytes]:
        """The archive. EbpftraceError if a file is gone or shorter by now; UntrustedError."""
        if self._log:
            yield self._header(SavedFile(AUDIT, len(self._log), 0))
            for at in range(0, len(self._log), _CHUNK):
                yield self._log[at : at + _CHUNK]
            yield from _padding(len(self._log))
        for file in self._files:
            yield self._header(file)
            yield from self._content(file)
        yield _END

    def _content(self, file: SavedFile) -> Iterator[bytes]:
        assert self._evidence is not None
        left = file.size_bytes
        try:
            with io.FileIO(self._evidence.open(file.name)) as opened:
                while left and (chunk := os.read(opened.fileno(), min(_CHUNK, left))):
                    left -= len(chunk)
                    yield chunk
        except OSError as error:
            raise self._removed(file, str(error.strerror)) from error
        if left:
            raise self._removed(file, "it became shorter")
        yield from _padding(file.size_bytes)

    def _removed(self, file: SavedFile, why: str) -> EbpftraceError:
        return EbpftraceError(
            f"the evidence of {self._incident} changed while it was read",
            why=f"{file.name}: {why}",
            fix="raise `keep` of the policy's capture if it was removed for newer evidence",
        )

    def _header(self, file: SavedFile) -> bytes:
        member = tarfile.TarInfo(f"{self._incident}/{file.name}")
        member.size, member.mtime, member.mode = file.size_bytes, file.mtime_s, 0o600
        return member.tobuf(tarfile.USTAR_FORMAT)


def _padding(size: int) -> Iterator[bytes]:
    if missing := _padded(size) - size:
        yield bytes(missing)


def _padded(size: int) -> int:
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
