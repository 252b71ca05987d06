"""All parts of a service, opened together and closed together."""

import os
import ssl
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ebpftrace.act.audit.place import DEFAULT_FILE
from ebpftrace.errors import EbpftraceError
from ebpftrace.incidents.catalog import Catalog
from ebpftrace.service.cluster import Cluster, ClusterState
from ebpftrace.service.http.app import App
from ebpftrace.service.http.incidents import IncidentPages
from ebpftrace.service.http.listening import (
    in_words,
    listen,
    refusal_of_evidence,
    require_protection,
)
from ebpftrace.service.http.passwords import Passwords
from ebpftrace.service.http.server import HttpServer
from ebpftrace.service.http.tls import TlsFiles
from ebpftrace.service.journal import JournalLines, is_journal, journal_writer
from ebpftrace.service.metrics.page import MetricsPage
from ebpftrace.service.notify import Notifier
from ebpftrace.service.pod_events import PodEventView
from ebpftrace.service.state import State
from ebpftrace.service.view import ServiceView

if TYPE_CHECKING:
    from ebpftrace.kubernetes.account import ServiceAccount
    from ebpftrace.views import View
    from ebpftrace.views.pipe.waiter import OutputWaiter


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """Where the service listens, how it is protected, and what it keeps."""

    host: str
    port: int
    tls: TlsFiles
    auth_file: Path | None = None
    unprotected: bool = False
    keep_ended_ns: int = 0
    max_series: int = 0
    audit: Path = DEFAULT_FILE
    evidence_folders: Callable[[], Iterable[Path]] = tuple
    account: "ServiceAccount | None" = None  # None: the Kubernetes API is not asked
    no_account: str = ""  # why not


class Service:
    """Opened before the watch starts, so that what cannot be had ends it at once."""

    def __init__(self, options: ServiceOptions, notifier: Notifier, *, acts: bool) -> None:
        """UsageError, ListenError, UntrustedError, or EbpftraceError for wrong files."""
        self._options, self._notifier = options, notifier
        tls, passwords = self._secrets()
        protected = options.unprotected or passwords is not None
        mutual = options.tls.client_ca is not None
        require_protection(options.host, protected=protected or mutual)
        self.state = State(acts=acts, no_cluster=options.no_account)
        account, keep_ns = options.account, options.keep_ended_ns
        self._cluster = None if account is None else Cluster(account, keep_ns)
        listener = listen(options.host, options.port)
        self._server = HttpServer(listener, lambda request: self._app.answer(request), tls)
        page = MetricsPage(options.max_series)
        refusal = refusal_of_evidence(
            options.host, asks=mutual or passwords is not None, encrypts=tls is not None
        )
        incidents = IncidentPages(Catalog(options.audit, options.evidence_folders), refusal)
        self._app = App(self.state, page, self._server.counts, passwords, incidents)

    @property
    def address(self) -> str:
        """Where it listens: `127.0.0.1:9435`."""
        return in_words(self._server.address)

    def start(self) -> None:
        """Answer clients from here on, and ask the Kubernetes API."""
        self._server.start()
        if self._cluster is not None:
            self._cluster.start()

    def close(self) -> None:
        """Answer no more."""
        if self._cluster is not None:
            self._cluster.stop()
        self._server.close()

    def view(self, _waiter: "OutputWaiter") -> "View":
        """What publishes the watch."""
        return ServiceView(
            self.state, self._options.keep_ended_ns, self._notifier, self._reload,
            self._cluster_state,
        )  # fmt: skip

    def journal(self, waiter: "OutputWaiter") -> "View":
        """What writes its lines to standard output."""
        write = journal_writer(sys.stdout, waiter, self._lost_line)
        return JournalLines(write, priorities=is_journal(sys.stdout, os.environ))

    @property
    def views(self) -> "list[Callable[[OutputWaiter], View]]":
        """What opens the views of the watch."""
        cluster = self._cluster
        if cluster is None:
            return [self.view, self.journal]
        events = PodEventView(cluster.recorder.put, cluster.node)
        return [self.view, self.journal, lambda _waiter: events]

    @property
    def pod_name(self) -> Callable[[str], str] | None:
        """What names pods by their uid; None where the Kubernetes API is not asked."""
        return None if self._cluster is None else self._cluster.pod_name

    def _cluster_state(self) -> ClusterState | None:
        return None if self._cluster is None else self._cluster.state()

    def _lost_line(self) -> None:
        self.state.publish(lost_lines=self.state.published.lost_lines + 1)

    def _secrets(self) -> tuple[ssl.SSLContext | None, Passwords | None]:
        file = self._options.auth_file
        return self._options.tls.context(), None if file is None else Passwords(file)

    def _reload(self) -> str:
        """Read certificates and passwords again; what is wrong, and the old ones stay."""
        try:
            tls, passwords = self._secrets()
        except EbpftraceError as error:
            return f"{error.what}: {error.why}"
        self._server.tls, self._app.passwords = tls, passwords
        return ""
