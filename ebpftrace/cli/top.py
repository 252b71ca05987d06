"""`ebpftrace top`: the jobs of all nodes, as their Prometheus has them."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ebpftrace.cli.parameters import Duration

if TYPE_CHECKING:
    from ebpftrace.fleet.api import Endpoint


class Url(click.ParamType["Endpoint"]):
    """`http://prometheus:9090`, with a user and password if need be."""

    name = "url"

    def convert(self, value: Any, param: Any, ctx: Any) -> "Endpoint":
        from ebpftrace.fleet.api import Endpoint, parse_url

        if isinstance(value, Endpoint):
            return value
        try:
            return parse_url(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command(
    epilog="""
    \b
    Examples:
      ebpftrace top --prometheus http://prometheus:9090
      ebpftrace top --prometheus http://prometheus:9090 --match 'cluster="eu"'
      ebpftrace top --prometheus https://metrics.example/prom --token-file token
      ebpftrace top --prometheus http://prometheus:9090 --once | head -20

    The nodes run ebpftrace serve, and Prometheus scrapes them. It needs no root.
    A certificate authority of your own: SSL_CERT_FILE=ca.pem.
    """,
)
@click.option("--prometheus", "endpoint", type=Url(), required=True, metavar="URL",
              envvar="EBPFTRACE_PROMETHEUS", show_envvar=True,
              help="The Prometheus, or what answers its queries, that scrapes the "
                   "nodes.")  # fmt: skip
@click.option("--token-file", type=click.Path(path_type=Path, dir_okay=False),
              metavar="FILE", help="File with a bearer token for it.")  # fmt: skip
@click.option("--match", default="", metavar="MATCHERS",
              help="Show the jobs whose series have these labels alone: "
                   "cluster=\"eu\",env=\"ci\".")  # fmt: skip
@click.option("--jobs", "most_jobs", type=click.IntRange(1, 2000), default=200,
              show_default=True, metavar="N",
              help="Show N jobs, the soonest to be full first.")  # fmt: skip
@click.option("--interval", type=Duration(), default="5s", show_default=True,
              help="Time between two rounds of queries.")  # fmt: skip
@click.option("--once", is_flag=True, help="Print one table, then end.")
def top(
    endpoint: "Endpoint",
    token_file: Path | None,
    match: str,
    most_jobs: int,
    interval: int,
    once: bool,
) -> None:
    """Show the jobs of all nodes that a Prometheus scrapes.

    The dashboard of watch, drawn for the fleet: the job that is full the soonest comes
    first.
    """
    from ebpftrace.engine.waiting.waiter import Waiter
    from ebpftrace.fleet.api import PrometheusApi
    from ebpftrace.fleet.top import TopOptions
    from ebpftrace.fleet.top import top as run
    from ebpftrace.views import View
    from ebpftrace.views.dashboard.model.state import DashboardState, Sort
    from ebpftrace.views.factory import open_view

    def open_table(waiter: Waiter) -> View:
        waiter.add_reader(sys.stdout)
        state = DashboardState(sort=Sort.TIME, all_folded=True)
        return open_view("table", sys.stdout, waiter.quit, waiter, live=not once, state=state)

    options = TopOptions(match, most_jobs, interval, once)
    run(PrometheusApi(endpoint, token_file), options, open_table)
