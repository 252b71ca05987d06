"""Other programs that end processes when memory is short, and at which bound.

Source: earlyoom(1); nohang's nohang.conf; oomd.conf(5) of systemd; the kubelet's
KubeletConfiguration (evictionHard) and its flag --eviction-hard.
"""

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ebpftrace.doctor.check import CheckResult, CheckState
from ebpftrace.errors import NotPermittedError
from ebpftrace.host.proc import program_file, read_cmdline, read_comm, read_program
from ebpftrace.units import KIB, MIB, format_bytes

_AREA = "other OOM killers"
_OTHERS_MAY_WRITE = 0o022
_CONFIG_BYTES = 64 * KIB
_MOST_FILES = 32
_GIVEN_UP = "it acts on all processes of the node, also on those of jobs far from their limit"


class OomDaemon(NamedTuple):
    """A running daemon. `available_bytes` of memory or less make it act; None: not by that.

    `bound` says the same in its own terms.
    """

    name: str
    pid: int
    bound: str
    available_bytes: int | None


def running_daemons(machine_bytes: int, root: Path = Path("/")) -> list[OomDaemon]:
    """Those that run, the first to act first.

    A process is known by its name and, since any process can take a name, by its user, root,
    or a program file of that name that only root can change.
    """
    found = []
    proc = root / "proc"
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        pid = int(entry.name)
        try:
            name = read_comm(pid, proc) or ""
            if name not in _DAEMONS or not _is_roots(name, pid, proc):
                continue
            words = read_cmdline(pid, proc) or ()
        except NotPermittedError:
            continue
        found.append(daemon_of(name, pid, words, machine_bytes, root))
    return sorted(found, key=lambda daemon: (-(daemon.available_bytes or 0), daemon.pid))


def daemon_of(
    name: str, pid: int, words: Sequence[str], machine_bytes: int, root: Path = Path("/")
) -> OomDaemon:
    """What a daemon of this name and with these arguments does; KeyError for other names."""
    return _DAEMONS[name](pid, words, machine_bytes, root)


def check_daemons(
    daemons: Sequence[OomDaemon], machine_bytes: int, highest_limit: int | None
) -> Iterator[CheckResult]:
    """A line for each. `highest_limit` is the highest of the limits of the jobs."""
    if not daemons:
        yield CheckResult(_AREA, "none", CheckState.OK, "no other OOM daemon runs")
    for index, daemon in enumerate(daemons):
        available = daemon.available_bytes
        seen = f"{daemon.name} (pid {daemon.pid}) {daemon.bound}"
        if len(daemons) > 1 and index == 0 and available is not None:
            seen += "; of these it acts first"
        state, why, fix = CheckState.OK, "", ""
        if available is not None:
            room = machine_bytes - available
            state, why = CheckState.WARNING, _GIVEN_UP
            fix = f"keep the sum of the jobs' limits below {format_bytes(room)}"
            if highest_limit is not None and highest_limit > room:
                why = (
                    f"a job with a limit of {format_bytes(highest_limit)} meets {daemon.name} "
                    "before its own limit, and what acts at a share of the limit comes too late"
                )
                fix = f"keep limits below {format_bytes(room)}"
        yield CheckResult(_AREA, daemon.name, state, seen, why, fix)


def _is_roots(name: str, pid: int, proc: Path) -> bool:
    try:
        if (proc / str(pid)).stat().st_uid == 0:
            return True
        status = program_file(pid, proc).stat()
    except OSError:
        return False
    is_named = Path(read_program(pid, proc) or "").name == name
    return is_named and status.st_uid == 0 and not status.st_mode & _OTHERS_MAY_WRITE


def _earlyoom(pid: int, words: Sequence[str], machine: int, _root: Path) -> OomDaemon:
    share = _option(words, "-m", r"([0-9]{1,2}(?:\.[0-9]+)?)(?:,.*)?") or "10"
    size = _option(words, "-M", r"([0-9]{1,15})(?:,.*)?")
    available = int(size) * KIB if size else int(machine * float(share) / 100)
    swap = _option(words, "-s", r"([0-9]{1,3}(?:\.[0-9]+)?)(?:,.*)?") or "10"
    bound = (
        f"sends SIGTERM at {format_bytes(available)} of available memory, with {swap} % of "
        "swap free or less"
    )
    return OomDaemon("earlyoom", pid, bound, available)


def _nohang(pid: int, words: Sequence[str], machine: int, root: Path) -> OomDaemon:
    # Not the file of its command line: any user may run it with one of its own.
    text = _text(root / "etc/nohang/nohang.conf")
    found = re.search(
        r"^\s*soft_threshold_min_mem\s*=\s*([0-9]{1,6}(?:\.[0-9]+)?)\s*(%|M)",
        text,
        re.MULTILINE,
    )
    amount, unit = (found[1], found[2]) if found else ("5", "%")
    scale = machine / 100 if unit == "%" else MIB
    available = int(float(amount) * scale)
    bound = f"sends SIGTERM at {format_bytes(available)} of available memory"
    return OomDaemon("nohang", pid, bound, available)


def _oomd(pid: int, _words: Sequence[str], _machine: int, root: Path) -> OomDaemon:
    values = {
        "SwapUsedLimit": "90%",
        "DefaultMemoryPressureLimit": "60%",
        "DefaultMemoryPressureDurationSec": "30s",
    }
    for text in _oomd_files(root):
        for name, value in re.findall(
            r"^\s*(\w+)\s*=\s*([0-9.]{1,6}(?:%|s|min)?)\s*$", text, re.M
        ):
            if name in values:
                values[name] = value
    limit, seconds = (
        values["DefaultMemoryPressureLimit"],
        _seconds(values["DefaultMemoryPressureDurationSec"]),
    )
    bound = (
        f"kills whole units: at {limit} of memory pressure for {seconds}, and with "
        f"{values['SwapUsedLimit']} of swap used, where ManagedOOM… of the unit says so"
    )
    return OomDaemon("systemd-oomd", pid, bound, None)


def _oomd_files(root: Path) -> Iterator[str]:
    """The main file and what overrides it: later ones win, by their names."""
    for folder in ("usr/lib/systemd", "etc/systemd"):
        yield _text(root / folder / "oomd.conf")
    parts: dict[str, Path] = {}
    for folder in ("usr/lib/systemd", "run/systemd", "etc/systemd"):
        found = sorted((root / folder / "oomd.conf.d").glob("*.conf"))
        parts |= {path.name: path for path in found[:_MOST_FILES]}
    for name in sorted(parts):
        yield _text(parts[name])


def _seconds(value: str) -> str:
    return value if value.endswith(("s", "min")) else f"{value}s"


def _kubelet(pid: int, words: Sequence[str], machine: int, root: Path) -> OomDaemon:
    text = _text(root / "var/lib/kubelet/config.yaml")
    signal = r"memory\.available[\"']?\s*(?::|<)\s*[\"']?([0-9.]{1,12})(%|[KMG]i?)?"
    hard = re.search(
        rf"^evictionHard:\n(?:[ \t]+.*\n){{0,20}}?[ \t]+[\"']?{signal}", text, re.M
    )
    given = next((word for word in words if word.startswith("--eviction-hard=")), "")
    found = re.search(signal, given) or hard
    amount, unit = (found[1], found[2] or "") if found else ("100", "Mi")
    scale = machine / 100 if unit == "%" else _UNITS[unit]
    available = int(float(amount) * scale)
    bound = f"evicts pods at {format_bytes(available)} of available memory"
    return OomDaemon("kubelet", pid, bound, available)


_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "Ki": KIB, "Mi": MIB, "Gi": KIB * MIB}
_Read = Callable[[int, Sequence[str], int, Path], OomDaemon]
_DAEMONS: dict[str, _Read] = {
    "earlyoom": _earlyoom,
    "nohang": _nohang,
    "systemd-oomd": _oomd,
    "kubelet": _kubelet,
}


def _option(words: Sequence[str], option: str, value: str) -> str | None:
    """The value of `-m 10` or `-m10`."""
    for index, word in enumerate(words):
        if not word.startswith(option):
            continue
        text = word.removeprefix(option) or "".join(words[index + 1 : index + 2])
        if found := re.fullmatch(value, text):
            return found[1]
    return None


def _text(file: Path) -> str:
    """The start of a regular file; "" without one."""
    try:
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return ""
        return os.read(fd, _CONFIG_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(fd)
