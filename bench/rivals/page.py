"""docs/rivals.md, made from the machine's records."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.rivals.cases import CALM_SECONDS, CASES, LIMIT, SECONDS, SWAP
from bench.rivals.guards import GUARDS
from ebpftrace.units import format_bytes
from tests.vm.machine import MEMORY

Record = dict[str, Any]


def page(
    records: Iterable[Record], versions: Mapping[str, str], processor: Sequence[str]
) -> str:
    """The whole page. What was not measured is left out.

    `versions` are those of the guards' programs in the machine, by the guard's name; that of
    "no guard" is the kernel's. `processor` are QEMU's options for the processor.
    """
    emulated, processors = _processor(processor)
    known = {(one["case"], one["guard"]): one for one in records}
    measured = {case for case, _guard in known}
    tables = "\n\n".join(
        f"### {case.name}: {case.description}\n\n{_table(case.name, known)}"
        for case in CASES
        if case.name in measured
    )
    guards = "\n".join(
        f"- **{guard.name}** ({versions[guard.name]}): {guard.description}" for guard in GUARDS
    )
    return f"""# Rivals

This page is made by `python -m bench.rivals`; do not edit it. In a booted machine
({versions["no guard"]}, {processors}, {MEMORY.removesuffix("G")} GiB, {format_bytes(SWAP)} of
swap, as systemd-oomd(8) asks for) a job of two processes runs as a systemd service with a limit
of {format_bytes(LIMIT)}
unless its case has another: a culprit, idle for {CALM_SECONDS:.0f} s, and a bystander that
holds 40 MiB. It is observed for {SECONDS:.0f} s unless its case has another
time. One guard at a time:

{guards}

Seconds are since the culprit began to grow. *Held* is the most the job held until the end of
the culprit, swap included; *stalled* the highest `full avg10` of its memory.pressure until
then, by which systemd-oomd judges; *lost* are the processes that ended. One run each: seconds
vary from run to run{emulated}; the tables are about what acted, and on which process: the
guard, if its own record says so, else the kernel, if it counted a kill, else it is unknown.
*Left behind* is the guard's own record; the kernel's log has a line for each of its kills,
counted in the row without a guard. We made the cases, and each guard has its purpose: earlyoom
and systemd-oomd protect the whole machine, the others one job.
The working set of *thrash* is smaller than ebpftrace's bound on growth.{_missing(measured)}

{tables}
"""


def _processor(options: Sequence[str]) -> tuple[str, str]:
    """Its effect on the seconds, and its description."""
    given = dict(zip(options[::2], options[1::2], strict=True))
    kvm = given["-accel"].startswith("kvm")
    kind = "KVM" if kvm else f"emulated by {given['-accel']}"
    emulated = "" if kvm else ", on an emulated processor more than elsewhere"
    return emulated, f"{kind}, {given['-smp']} CPUs"


def _missing(measured: set[str]) -> str:
    names = [
        f"*{case.name}*, {case.description}" for case in CASES if case.name not in measured
    ]
    return f"\n\nNot measured in this run: {'; '.join(names)}." if names else ""


def _table(case: str, known: dict[tuple[str, str], Record]) -> str:
    lines = [
        "| guard | acted | after | held | stalled | lost | left behind |",
        "|---|---|---|---|---|---|---|",
    ]
    for guard in GUARDS:
        one = known.get((case, guard.name))
        if one is not None:
            lines.append(f"| {' | '.join(_cells(one))} |")
    return "\n".join(lines)


def _cells(one: Record) -> tuple[str, ...]:
    seconds = one["ended_seconds"]
    return (
        one["guard"],
        one["acted"],
        "–" if seconds is None else f"{seconds:.0f} s",
        format_bytes(one["held_bytes"]),
        f"{one['stalled_percent']:.0f} %",
        " and ".join(one["lost"]) or "nothing",
        one["evidence"] or "–",
    )
