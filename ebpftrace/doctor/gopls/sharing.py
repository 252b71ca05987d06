"""What is to be known of a gopls daemon that several jobs share: whose memory it is."""

from collections.abc import Iterator, Sequence

from ebpftrace.doctor.check import CheckResult, CheckState
from ebpftrace.doctor.gopls.daemons import DaemonClient, GoplsDaemon
from ebpftrace.doctor.gopls.running import name_of
from ebpftrace.text import clean
from ebpftrace.units import format_bytes

_AREA = "gopls"
_MOST_SHOWN, _MOST_NAMED = 16, 4


def check_sharing(daemons: Sequence[GoplsDaemon]) -> Iterator[CheckResult]:
    """A line for each, up to 16; a warning if it serves other jobs than the one that pays."""
    for daemon in daemons[:_MOST_SHOWN]:
        others = [each for each in daemon.clients if not _pays(daemon, each)]
        seen = (
            f"{name_of(daemon.process)} is a daemon at {clean(daemon.socket, 100)} with "
            f"{_clients(daemon.clients)}{_unknown(daemon.unknown)}: "
            f"{format_bytes(daemon.process.resident_bytes)} resident, charged to {_job(daemon)}"
        )
        if others:
            why = f"{_charge(daemon)}\n{_end(daemon, others)}"
            yield CheckResult(_AREA, "daemon", CheckState.WARNING, seen, why, _FIX)
        else:
            yield CheckResult(_AREA, "daemon", CheckState.OK, seen)
    if (more := len(daemons) - _MOST_SHOWN) > 0:
        seen = f"{more} more daemons run, and are not shown"
        yield CheckResult(_AREA, "daemon", CheckState.OK, seen)


_FIX = (
    "before the jobs: ebpftrace run --memory 2GiB -- gopls serve -listen='unix;SOCKET'\n"
    "and in them: gopls -remote='unix;SOCKET'; or without -remote: one gopls for each job"
)


def _charge(daemon: GoplsDaemon) -> str:
    limit = daemon.process.limit_bytes
    most = f", whose limit is {format_bytes(limit)}" if limit is not None else ""
    return (
        "what it takes for other jobs, and for each that connects next, is charged to the "
        f"memory cgroup {clean(daemon.process.cgroup, 200)}{most}, also "
        "when its own job is over"
    )


def _end(daemon: GoplsDaemon, others: Sequence[DaemonClient]) -> str:
    restarts = [each for each in others if each.begins_daemon]
    after = "none of them would begin another daemon"
    if restarts:
        after = (
            "whichever is started again first begins a new daemon, which is charged to its own "
            f"job: {_names(restarts)}"
        )
    return (
        f"when that cgroup is ended, the daemon ends, and with it {_clients(others)}; {after}"
    )


def _pays(daemon: GoplsDaemon, client: DaemonClient) -> bool:
    return daemon.job is not None and client.job.key == daemon.job.key


def _job(daemon: GoplsDaemon) -> str:
    return "an unknown job" if daemon.job is None else clean(daemon.job.name, 60)


def _clients(clients: Sequence[DaemonClient]) -> str:
    if not clients:
        return "no client"
    number = "1 client" if len(clients) == 1 else f"{len(clients)} clients"
    named = [f"{clean(each.job.name, 60)} (pid {each.pid})" for each in clients[:_MOST_NAMED]]
    more = len(clients) - len(named)
    return f"{number}, {', '.join(named)}{f' and {more} more' if more > 0 else ''}"


def _names(clients: Sequence[DaemonClient]) -> str:
    names = list(dict.fromkeys(clean(each.job.name, 60) for each in clients))
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _unknown(connections: int) -> str:
    if not connections:
        return ""
    return (
        f" and {connections} connection{'' if connections == 1 else 's'} of unknown processes"
    )
