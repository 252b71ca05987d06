"""Which limit on the path to the root is a cgroup's own, and which it shares with others."""

from ebpftrace.counters import CgroupCounters, LimitLevel

_SHARED_PART = 64  # of the limit: what others may hold below a level that counts as own


def is_shared(level: LimitLevel, charge_bytes: int) -> bool:
    """Whether other cgroups hold memory below this level; `charge_bytes` is the cgroup's."""
    bound = min(
        size for size in (level.limit_bytes, level.high_bytes) if size is not None
    )  # a level has one of the two
    return level.above > 0 and level.charge_bytes - charge_bytes > bound // _SHARED_PART


def with_limits(counters: CgroupCounters) -> CgroupCounters:
    """The counters with their own limit, headroom and memory.high, from their levels.

    The own limit is the nearest of those that no other cgroup counts towards. Where there is
    none, it is the nearest that is shared. Limit and headroom are always of one level.
    """
    if not counters.levels:
        return counters
    charge = counters.charge_bytes
    limited = [level for level in counters.levels if level.limit_bytes is not None]
    own = [level for level in limited if not is_shared(level, charge)]
    nearest = min(own or limited, key=_room, default=None)
    throttling = [level for level in counters.levels if level.high_bytes is not None]
    high = min(throttling, key=_high_room, default=None)
    return counters._replace(
        limit_bytes=nearest.limit_bytes if nearest else None,
        headroom_bytes=nearest.headroom_bytes if nearest else None,
        high_bytes=high.high_bytes if high else None,
        high_charge_bytes=high.charge_bytes if high and is_shared(high, charge) else None,
    )


def with_contents_of(counters: CgroupCounters, before: CgroupCounters) -> CgroupCounters:
    """New counters with the paths and contents of levels that an earlier reading had."""
    known = {level.cgroup_id: level for level in before.levels if level.path}
    levels = tuple(
        level._replace(
            path=known[level.cgroup_id].path, contents=known[level.cgroup_id].contents
        )
        if level.cgroup_id in known
        else level
        for level in counters.levels
    )
    return with_limits(counters._replace(levels=levels))


def own_level(counters: CgroupCounters) -> LimitLevel | None:
    """The level of `limit_bytes`; None where there is none, or levels were not read."""
    found = (
        level
        for level in counters.levels
        if level.limit_bytes == counters.limit_bytes
        and level.headroom_bytes == counters.headroom_bytes
    )
    return next(found, None)


def shared_levels(counters: CgroupCounters) -> list[LimitLevel]:
    """Those with a limit that other cgroups count towards."""
    return [
        level
        for level in counters.levels
        if level.limit_bytes is not None and is_shared(level, counters.charge_bytes)
    ]


def fullest_level(counters: CgroupCounters) -> LimitLevel | None:
    """Where an OOM kill happened: page cache is dropped by then. Of several, the lowest."""
    limited = [level for level in counters.levels if level.limit_bytes is not None]
    return min(limited, key=lambda level: level.headroom_bytes or 0, default=None)


def _room(level: LimitLevel) -> int:
    room = level.headroom_bytes or 0
    return room if level.contents is None else room + level.contents.cache_bytes


def _high_room(level: LimitLevel) -> int:
    return (level.high_bytes or 0) - level.charge_bytes
