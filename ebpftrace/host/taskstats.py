"""The netlink messages of taskstats, in pyroute2's terms. Importing it imports pyroute2.

Only `delay_accounting` imports it. Source: include/uapi/linux/taskstats.h.
"""

from typing import Any

from pyroute2.netlink import NLM_F_REQUEST, genlmsg, nla
from pyroute2.netlink.generic import GenericNetlinkSocket

_GET = 1  # TASKSTATS_CMD_GET
_FAMILY_VERSION = 1


class _Request(genlmsg):  # type: ignore[misc]
    nla_map = (
        ("TASKSTATS_CMD_ATTR_UNSPEC", "none"),
        ("TASKSTATS_CMD_ATTR_PID", "uint32"),
        ("TASKSTATS_CMD_ATTR_TGID", "uint32"),
    )


class _Reply(genlmsg):  # type: ignore[misc]
    nla_map = (
        ("TASKSTATS_TYPE_UNSPEC", "none"),
        ("TASKSTATS_TYPE_PID", "uint32"),
        ("TASKSTATS_TYPE_TGID", "uint32"),
        ("TASKSTATS_TYPE_STATS", "cdata"),
        ("TASKSTATS_TYPE_AGGR_PID", "aggregate"),
        ("TASKSTATS_TYPE_AGGR_TGID", "aggregate"),
    )

    class aggregate(nla):  # type: ignore[misc] # noqa: N801 - nla_map refers to it by name
        nla_map = (
            ("TASKSTATS_TYPE_UNSPEC", "none"),
            ("TASKSTATS_TYPE_PID", "uint32"),
            ("TASKSTATS_TYPE_TGID", "uint32"),
            ("TASKSTATS_TYPE_STATS", "cdata"),
        )


def open_socket() -> Any:
    """A socket bound to the TASKSTATS family; NetlinkError or OSError if there is none."""
    socket = GenericNetlinkSocket()
    try:
        socket.bind("TASKSTATS", _Reply)
    except BaseException:
        socket.close()
        raise
    return socket


def ask(socket: Any, pid: int) -> bytes:
    """The raw `struct taskstats` of a whole process; NetlinkError if it has ended."""
    request = _Request()
    request["cmd"] = _GET
    request["version"] = _FAMILY_VERSION
    request["attrs"].append(["TASKSTATS_CMD_ATTR_TGID", pid])
    (reply,) = socket.nlm_request(request, socket.prid, msg_flags=NLM_F_REQUEST)
    record: bytes = reply.get(("TASKSTATS_TYPE_AGGR_TGID", "TASKSTATS_TYPE_STATS"))
    return record
