"""Basic authentication by a file of users and scrypt hashes.

A line is `USER:$scrypt$ln=15,r=8,p=1$SALT$HASH`, in base64 without padding, as the PHC string
format has it (and passlib writes it). `ebpftrace serve --hash-password` makes one.
Source: RFC 7617; RFC 7914; github.com/P-H-C/phc-string-format.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
import time
from pathlib import Path

from ebpftrace.errors import EbpftraceError
from ebpftrace.text import clean
from ebpftrace.trusted import open_trusted
from ebpftrace.units import KIB, MIB

_LINE = re.compile(
    r"([^:\s]{1,64}):\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,2}),p=([0-9]{1,2})"
    r"\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})"
)
_LOG_N, _R, _P = 15, 8, 1
_LARGEST_LOG_N, _MOST_BYTES = 17, 64 * KIB
_MEMORY = 256 * MIB
_TRIES_A_SECOND = 4.0
_MOST_TRIES = 8.0
_REMEMBERED = 64


class TooManyTriesError(Exception):
    """Passwords are tried faster than they are checked."""


def hash_password(password: str) -> str:
    """What stands after `USER:` for this password."""
    salt = secrets.token_bytes(16)
    digest = _scrypt(password.encode(), salt, _LOG_N, _R, _P, 32)
    return f"$scrypt$ln={_LOG_N},r={_R},p={_P}${_base64(salt)}${_base64(digest)}"


class Passwords:
    """The users of one file. A password that was right is remembered by a keyed hash, so
    that each scrape need not pay for scrypt; wrong ones are limited to four a second.
    """

    def __init__(self, file: Path) -> None:
        """EbpftraceError where it cannot be read or has a mistake; UntrustedError."""
        self._users = dict(_read(file))
        self._key = secrets.token_bytes(32)
        self._right: dict[bytes, None] = {}
        self._tries, self._checked = _MOST_TRIES, time.monotonic()

    def allow(self, authorization: str) -> bool:
        """Whether this header names a user and the password. TooManyTriesError."""
        scheme, _, coded = authorization.partition(" ")
        if scheme.lower() != "basic" or len(coded) > 1024:
            return False
        mark = hmac.digest(self._key, coded.encode("latin-1", "replace"), "sha256")
        if mark in self._right:
            return True
        try:
            given = base64.b64decode(coded, validate=True)
        except (binascii.Error, ValueError):
            return False
        user, colon, password = given.partition(b":")
        self._take_try()
        # An unknown user takes as long as a known one.
        known = self._users.get(user.decode("utf-8", "replace"))
        log_n, r, p, salt, wanted = known or next(iter(self._users.values()))
        digest = _scrypt(password, salt, log_n, r, p, len(wanted))
        if not (hmac.compare_digest(digest, wanted) and known is not None and colon):
            return False
        self._right[mark] = None
        if len(self._right) > _REMEMBERED:
            del self._right[next(iter(self._right))]
        return True

    def _take_try(self) -> None:
        now = time.monotonic()
        gained = (now - self._checked) * _TRIES_A_SECOND
        self._tries, self._checked = min(_MOST_TRIES, self._tries + gained), now
        if self._tries < 1:
            raise TooManyTriesError
        self._tries -= 1


_Hash = tuple[int, int, int, bytes, bytes]


def _read(file: Path) -> "list[tuple[str, _Hash]]":
    name = clean(os.fsencode(file))
    try:
        with os.fdopen(open_trusted("the auth file", file, os.O_RDONLY), "rb") as opened:
            text = opened.read(_MOST_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise EbpftraceError(
            f"cannot read the auth file {name}", why=why, fix="see docs/serve.md"
        ) from error
    users = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line.strip())
        parsed = None if found is None else _hash_of(*found.groups())
        if found is None or parsed is None:
            raise EbpftraceError(
                f"line {number} of the auth file {name} has no user and hash",
                why="each line is USER:$scrypt$ln=…,r=…,p=…$SALT$HASH",
                fix="make a hash with: ebpftrace serve --hash-password",
            )
        users.append((found[1], parsed))
    if not users:
        raise EbpftraceError(
            f"the auth file {name} has no user",
            why="nothing could be scraped with it",
            fix="make a hash with: ebpftrace serve --hash-password",
        )
    return users


def _hash_of(_user: str, ln: str, r: str, p: str, salt: str, wanted: str) -> "_Hash | None":
    """None for what scrypt refuses, and for what is no base64."""
    log_n, size, lanes = int(ln), int(r), int(p)
    memory_bytes = 128 * size * ((1 << log_n) + 2 + lanes)
    if not (0 < log_n <= min(_LARGEST_LOG_N, 16 * size - 1) and lanes):
        return None
    if memory_bytes > _MEMORY:
        return None
    try:
        return log_n, size, lanes, _bytes(salt), _bytes(wanted)
    except ValueError:
        return None


def _scrypt(password: bytes, salt: bytes, log_n: int, r: int, p: int, size: int) -> bytes:
    return hashlib.scrypt(
        password, salt=salt, n=1 << log_n, r=r, p=p, maxmem=_MEMORY, dklen=size
    )


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))
