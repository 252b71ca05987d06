"""`python -m tests.vm.table`: docs/kernels.md from the results that are kept.

Only what ran is in it: a kernel without results has no column, a test file that was not
run has a dash.
"""

import json
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.vm.kernels import in_order
from tests.vm.paths import RESULTS, ROOT
from tests.vm.results import by_file, known_of
from tests.vm.selection import LEFT_OUT

PAGE = ROOT / "docs" / "kernels.md"
_SERIES = re.compile(r"\d+\.\d+")
_FALLBACKS = Path(__file__).parent / "fallbacks.md"

_INTRODUCTION = """\
# Kernels

Cloud kernels of Debian's suites (`SUITES` of `tests/vm/kernels.py`), each the newest of its
series when it was fetched, booted under QEMU with systemd, with the kernel and end-to-end
tests run inside (`tests/vm/selection.py`). A series without a column was not run on the tree
as it is. This page is made by `make vm-table` from what `make test-vm` left behind; do not
edit it.

    make test-vm KERNEL=6.1                   # one kernel
    make test-vm TESTS=tests/kernel/test_memory.py
    make test-vm ARGS=-x                      # the rest goes to pytest
    make test-vm-all vm-table                 # all of them, and this page
    make vm-shell                             # a root shell inside

The first run fetches a few hundred MB of packages and makes an image of a Debian 12 with
`vagrant/provision.sh`; it is kept for all clones in `~/.cache/ebpftrace/vm`, or the folder
that `EBPFTRACE_VM_CACHE` names. Results and logs are in the clone's `.cache/vm/results`:
of tests that were run again by name, the last run counts here.
Only a trial boot makes it use KVM; else processors are emulated.

What a kernel offers is read from its types (BTF) or found out by trying, never from its
version.
"""


@dataclass(frozen=True, slots=True)
class Column:
    """One kernel: what the probe said of it, and counts of outcomes by test file."""

    release: str
    cgroups: int
    features: dict[str, str]
    remarks: list[str]
    means: list[str]
    outcomes: dict[str, Counter[str]]


def read(folder: Path) -> Column:
    """What is known of the kernel of the last run. OSError or ValueError if that hung."""
    found = json.loads((folder / "features.json").read_text())
    known = known_of(folder.parent / f"{found['release']}.json")
    return Column(**found, outcomes=by_file(known))


def page(columns: list[Column]) -> str:
    """The page, in Markdown."""
    rows = [["", *(f"**{column.release}**" for column in columns)]]
    rows.append(["cgroups", *(f"v{column.cgroups}" for column in columns)])
    for name in columns[0].features:
        if name != "mapping calls":  # the default; the row below has what is possible
            rows.append([name, *(column.features.get(name, "—") for column in columns)])
    rows.append(["mapping calls by", *(", ".join(column.means) for column in columns)])
    for file in sorted({file for column in columns for file in column.outcomes}):
        rows.append([f"`{file}`", *(_counts(column.outcomes.get(file)) for column in columns)])
    remarks = [
        f"- {column.release}: {remark}." for column in columns for remark in column.remarks
    ]
    return "\n".join(
        [
            _INTRODUCTION,
            *_table(rows),
            "",
            "Mapping calls are counted by the first of fentry, kprobe and syscall "
            "tracepoints that works.",
            *(["", "What the probe remarks of its own accord:", ""] if remarks else []),
            *remarks,
            "",
            "Not tried in machines:",
            "",
            *(f"- `{path}`: {about};" for path, about in LEFT_OUT.items()),
            "- nothing else of `tests/kernel` and `tests/e2e`.",
            "",
            "A file without a row was not in the last runs: `--quick` runs those that depend "
            "most on the kernel.",
            "",
            _FALLBACKS.read_text().rstrip("\n"),
            "",
        ]
    )


def _counts(counts: Counter[str] | None) -> str:
    if counts is None:
        return "—"
    return ", ".join(f"{counts[kind]} {kind}" for kind in sorted(counts, key=_order))


def _order(kind: str) -> int:
    return ("passed", "skipped", "failed").index(kind)


def _table(rows: list[list[str]]) -> list[str]:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]]


def main() -> int:
    columns = []
    there = [path.name for path in RESULTS.glob("*") if _SERIES.fullmatch(path.name)]
    for series in sorted(there, key=in_order):
        try:
            columns.append(read(RESULTS / series))
        except (OSError, ValueError) as error:
            print(f"{series} is left out: {error}", file=sys.stderr)
    if not columns:
        print("no kernel has results: make test-vm-all", file=sys.stderr)
        return 1
    PAGE.write_text(page(columns))
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
