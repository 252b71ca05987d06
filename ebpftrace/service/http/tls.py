"""TLS: the server's certificate, and the authority of its clients' ones."""

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from ebpftrace.errors import EbpftraceError, UsageError
from ebpftrace.text import clean
from ebpftrace.trusted import open_trusted


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """As the options name them; without a certificate there is no TLS."""

    cert: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None

    def context(self) -> ssl.SSLContext | None:
        """None without TLS. UsageError, UntrustedError, or EbpftraceError for wrong files."""
        if self.cert is None:
            if self.key is not None or self.client_ca is not None:
                raise UsageError(
                    "--tls-key and --tls-client-ca need --tls-cert",
                    fix="add --tls-cert FILE",
                )
            return None
        key = self.key or self.cert
        for what, file in (("certificate", self.cert), ("key", key)):
            _require_trusted(what, file)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.cert, key, password=lambda: "")
        except (OSError, ValueError) as error:
            raise _unusable("certificate and key", self.cert, error) from error
        if self.client_ca is not None:
            _require_trusted("authority of clients", self.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
            try:
                context.load_verify_locations(self.client_ca)
            except (OSError, ValueError) as error:
                raise _unusable("authority of clients", self.client_ca, error) from error
        return context


def _require_trusted(what: str, file: Path) -> None:
    try:
        os.close(open_trusted(f"the TLS {what}", file, os.O_RDONLY))
    except OSError as error:
        raise _unusable(what, file, error) from error


def _unusable(what: str, file: Path, error: Exception) -> EbpftraceError:
    why = getattr(error, "reason", "") or getattr(error, "strerror", "") or str(error)
    return EbpftraceError(
        f"the TLS {what} {clean(os.fsencode(file))} cannot be used",
        why=clean(str(why)),
        fix="name PEM files that root can read: --tls-cert FILE --tls-key FILE",
    )
