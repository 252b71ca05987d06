"""Names of cgroups, units and runs without what differs from run to run.

/ci/build-4711, docker-ID.scope, kubepods-burstable-podUID.slice, run-u123.service: numbers,
ids and random suffixes become `*`, so that the names of two runs of a job are equal. What
names the same thing each time is kept: a service's own number (runner-2.service) and the
user of a session (user-1000.slice).
"""

import re

MARK = "*"
"""In place of a part that differs from run to run."""

_UUID = re.compile(r"[0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}")
_TRANSIENT = re.compile(r"run-[a-z]?[0-9a-f]+(?:-i[0-9]+)?\.(service|scope)")  # systemd-run
_NAMED_UNIT = re.compile(r"[^@]+\.(?:service|socket|mount|swap)")
_USER = re.compile(r"user[-@][0-9]+\.(?:slice|service)")
_TOKEN = re.compile(r"[0-9A-Za-z]+")
_NUMBER = re.compile(r"[0-9]{3,}")
_HEX = re.compile(r"[0-9a-f]{8,}")
_HASH = re.compile(r"[0-9a-f]{32,}")
_TURN = re.compile(r"(?<=[0-9])(?=[A-Za-z])|(?<=[A-Za-z])(?=[0-9])")
_SHORTEST_ID = 12
_SHORTEST_SUFFIX = 5  # "x7k2p", as Kubernetes and mkdtemp draw them


def without_run_parts(text: str) -> str:
    """A path or a name, each part of it without what differs from run to run."""
    return "/".join(map(_part, text.split("/")))


def _part(part: str) -> str:
    if _USER.fullmatch(part):
        return part
    if transient := _TRANSIENT.fullmatch(part):
        return f"run-{MARK}.{transient[1]}"
    part = _UUID.sub(MARK, part)
    # Its administrator named such a unit, and the numbers in its name mean something.
    shorten = _without_ids if _NAMED_UNIT.fullmatch(part) else _without_numbers
    return _TOKEN.sub(lambda token: shorten(token[0]), part)


def _without_ids(token: str) -> str:
    turns = len(_TURN.findall(token))
    is_id = len(token) >= _SHORTEST_ID and turns >= 3
    is_hex = _HASH.fullmatch(token) or (turns and _HEX.fullmatch(token))
    return MARK if is_id or is_hex else token


def _without_numbers(token: str) -> str:
    is_suffix = len(token) >= _SHORTEST_SUFFIX and len(_TURN.findall(token)) >= 2
    if token.isdigit() or is_suffix or _without_ids(token) == MARK:
        return MARK
    return _NUMBER.sub(MARK, token)
