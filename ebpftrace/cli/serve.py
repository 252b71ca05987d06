"""`ebpftrace serve`: a watch as a service, with metrics and health over HTTP."""

import getpass
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ebpftrace.act.policy.store import PolicyStore
from ebpftrace.cli.configured import ConfiguredCommand
from ebpftrace.cli.parameters import Duration
from ebpftrace.cli.watching import INTERVAL, SharedOptions, acting, selecting
from ebpftrace.engine import watch as run
from ebpftrace.errors import UsageError
from ebpftrace.units import format_duration

if TYPE_CHECKING:
    from ebpftrace.kubernetes.account import ServiceAccount

_LISTEN = "127.0.0.1:9435"
_FILE = click.Path(path_type=Path, dir_okay=False)
_SWITCH_SECONDS = 0.0005
"""How long the engine's thread waits for the others while they compute: ten times less than
Python's default."""


class Address(click.ParamType[tuple[str, int]]):
    """`127.0.0.1:9435` or `[::1]:9435`."""

    name = "address"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, int]:
        from ebpftrace.service.http.listening import parse_address

        try:
            return value if isinstance(value, tuple) else parse_address(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _hash_password(ctx: click.Context, _option: Any, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from ebpftrace.service.http.passwords import hash_password

    terminal = sys.stdin.isatty()
    try:
        password = getpass.getpass() if terminal else sys.stdin.readline().rstrip("\n")
        hashed = hash_password(password)
    except UnicodeError as error:
        raise UsageError("the password is not UTF-8", fix="type or pass it as UTF-8") from error
    if not password:
        raise UsageError("the password is empty", fix="type one, or pass it on standard input")
    click.echo(hashed)
    ctx.exit()


@click.command(
    cls=ConfiguredCommand,
    epilog="""
    \b
    Examples:
      sudo ebpftrace serve
      sudo ebpftrace serve --comm '*' --cgroup /ci --config policy.toml
      curl http://127.0.0.1:9435/metrics

    /metrics is for Prometheus, /healthz and /readyz are for probes; /v1/incidents has what
    `ebpftrace incidents` shows, for clients with a password or a certificate. SIGHUP reloads
    policies, certificates and passwords. Each option can also be given as
    EBPFTRACE_SERVE_OPTION, and below [serve] in the policy file.
    """,
)
@selecting
@INTERVAL
@click.option("--listen", type=Address(), default=_LISTEN, show_default=True,
              metavar="ADDRESS:PORT",
              help="Where /metrics, /healthz and /readyz are.")  # fmt: skip
@click.option("--tls-cert", type=_FILE, metavar="FILE",
              help="Certificate of the server, PEM: HTTPS.")  # fmt: skip
@click.option("--tls-key", type=_FILE, metavar="FILE",
              help="Its key, where that is in a file of its own.")  # fmt: skip
@click.option("--tls-client-ca", type=_FILE, metavar="FILE",
              help="Clients need a certificate of this authority.")  # fmt: skip
@click.option("--auth-file", type=_FILE, metavar="FILE",
              help="Users and hashes of their passwords, one USER:HASH a line.")  # fmt: skip
@click.option("--unprotected", is_flag=True,
              help="Listen beyond the loopback without passwords or client "
                   "certificates.")  # fmt: skip
@click.option("--keep-ended", type=Duration(), default="5m", show_default=True,
              help="How long jobs that ended keep their series.")  # fmt: skip
@click.option("--max-series", type=click.IntRange(500, 1_000_000), default=20_000,
              show_default=True, metavar="N",
              help="Series in a scrape at most; the largest jobs come "
                   "first.")  # fmt: skip
@click.option("--kubernetes/--no-kubernetes", default=None,
              help="Ask the Kubernetes API for the pods of this node, NODE_NAME.  "
                   "[where a service account is mounted]")  # fmt: skip
@click.option("--hash-password", is_flag=True, is_eager=True, expose_value=False,
              callback=_hash_password,
              help="Print the hash of a password for --auth-file, and end.")  # fmt: skip
@acting
def serve(
    listen: tuple[str, int],
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_client_ca: Path | None,
    auth_file: Path | None,
    unprotected: bool,
    keep_ended: int,
    max_series: int,
    kubernetes: bool | None,
    **shared: Any,
) -> None:
    """Watch as a service, with metrics and health over HTTP."""
    from ebpftrace.service.http.tls import TlsFiles
    from ebpftrace.service.notify import Notifier
    from ebpftrace.service.service import Service, ServiceOptions

    request = SharedOptions(**shared).request()
    acts = request.policies is not None
    request = request._replace(reloads=True, insists=request.insists or acts)
    account, no_account = _account(kubernetes)
    options = ServiceOptions(
        *listen,
        tls=TlsFiles(tls_cert, tls_key, tls_client_ca),
        auth_file=auth_file,
        unprotected=unprotected,
        keep_ended_ns=keep_ended,
        max_series=max_series,
        audit=request.audit,
        evidence_folders=partial(_evidence_folders, request.policies),
        account=account,
        no_account=no_account,
    )
    notifier = Notifier()
    _require_signs_of_life(request.interval_ns, notifier.watchdog_ns)
    service = Service(options, notifier, acts=acts)
    try:
        service.start()
        sys.setswitchinterval(_SWITCH_SECONDS)
        click.echo(f"listening at {service.address}", err=True)
        run(request._replace(pod_name=service.pod_name), service.views)
    finally:
        service.close()


def _evidence_folders(policies: PolicyStore | None) -> Iterator[Path]:
    """Where the captures of the policies in force save it, and where they do by default."""
    from ebpftrace.act.actions.capture import CaptureOptions

    yield CaptureOptions().folder
    for policy in () if policies is None else policies.policies:
        for step in policy.ladder:
            if isinstance(step.options, CaptureOptions):
                yield step.options.folder


def _account(wanted: bool | None) -> tuple["ServiceAccount | None", str]:
    """The account for the Kubernetes API, else why it is not asked.

    UsageError if it was asked for, and cannot be.
    """
    if wanted is False:
        return None, "not asked: --no-kubernetes"
    from ebpftrace.kubernetes.account import FOLDER_VARIABLE, find_account

    account = find_account()
    if account is not None and account.node:
        return account, ""
    if account is None:
        why = "there is no service account here"
        fix = f"set KUBERNETES_SERVICE_HOST, and {FOLDER_VARIABLE} to a folder with its token"
    else:
        why = "NODE_NAME is not set"
        fix = "set it from spec.nodeName in the pod's manifest"
    if wanted:
        raise UsageError("the Kubernetes API cannot be asked", why=why, fix=fix)
    return None, f"not asked: {why}"


def _require_signs_of_life(interval_ns: int, watchdog_ns: int | None) -> None:
    """Each snapshot is one: systemd wants them twice as often as its watchdog ends it."""
    if watchdog_ns is not None and 2 * interval_ns > watchdog_ns:
        raise UsageError(
            f"--interval {format_duration(interval_ns)} is too long for the watchdog",
            why=f"the unit's WatchdogSec is {format_duration(watchdog_ns)}, and each snapshot "
            "is the sign of life",
            fix="shorten the interval to a half of WatchdogSec, or lengthen that",
        )
