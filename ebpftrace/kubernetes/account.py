"""Where the API server is, and the service account that it is asked with.

Source: kubernetes.io/docs/tasks/run-application/access-api-from-pod and client-go's
rest.InClusterConfig.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ebpftrace.errors import EbpftraceError
from ebpftrace.jobs.kubernetes import NODE_VARIABLES
from ebpftrace.text import clean
from ebpftrace.units import KIB

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
FOLDER_VARIABLE = "EBPFTRACE_SERVICE_ACCOUNT"

_TOKEN_BYTES = 64 * KIB
_NAME_LIMIT = 253  # a DNS subdomain


class ServiceAccount(NamedTuple):
    """Address, and the folder with `token`, `ca.crt` and `namespace` that the kubelet mounts.

    `node` is this node's name in the cluster; "" if no variable says it.
    """

    host: str
    port: int
    folder: Path
    node: str

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.crt"

    def token(self) -> str:
        """As it is now: the kubelet replaces the file before the token expires.

        EbpftraceError if it cannot be read, or is no token.
        """
        file = self.folder / "token"
        try:
            with file.open("rb") as opened:
                token = opened.read(_TOKEN_BYTES).strip().decode("ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise EbpftraceError(f"no token in {file}", why=clean(str(error))) from error
        if not token.isprintable() or " " in token or not token:
            raise EbpftraceError(f"no token in {file}", why="it is empty, or has other bytes")
        return token

    def namespace(self) -> str:
        """The namespace of ebpftrace's own pod; "" if that cannot be read."""
        try:
            with (self.folder / "namespace").open("rb") as file:
                return clean(file.read(_NAME_LIMIT + 1).strip(), _NAME_LIMIT)
        except OSError:
            return ""


def find_account(environ: Mapping[str, str] = os.environ) -> ServiceAccount | None:
    """The account of this pod; None outside a cluster, or where none was mounted.

    Another folder can be given as EBPFTRACE_SERVICE_ACCOUNT.
    """
    host = environ.get("KUBERNETES_SERVICE_HOST", "")
    port = environ.get("KUBERNETES_SERVICE_PORT", "443")
    folder = Path(environ.get(FOLDER_VARIABLE) or SERVICE_ACCOUNT)
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        return None
    if not (folder / "token").exists():
        return None
    names = (environ.get(variable, "") for variable in NODE_VARIABLES)
    return ServiceAccount(host, int(port), folder, next(filter(None, names), ""))
