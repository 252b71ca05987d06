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
_FOLDER = re.compile(r"(\d+\.\d+)(-.+)?")
_SECTION = r"^## {}\n.*?(?=^## )"
_FALLBACKS = Path(__file__).parent / "fallbacks.md"

_INTRODUCTION = """\
# Kernels

Cloud kernels of Debian's suites (`SUITES` of `tests/vm/kernels.py`), each the newest of its
series when it was fetched, booted under QEMU, with the kernel and end-to-end tests run inside
(`tests/vm/selection.py`). A series without a column was not run on the tree as it is. This
page is made by `make vm-table` from what `make test-vm` left behind; do not edit it. The table
of a processor stays as it is while there are no results for it.

    make test-vm KERNEL=6.1                   # one kernel
    make test-vm TESTS=tests/kernel/test_memory.py
    make test-vm ARGS=-x                      # the rest goes to pytest
    make test-vm-all vm-table                 # all of them, and this page
    make test-vm-arm64 KERNEL=6.12            # an arm64 machine, PAGES=16 for larger pages
    make vm-shell                             # a root shell inside

The first run fetches a few hundred MB of packages and makes an image of a Debian 12 with
`vagrant/provision.sh`; it is kept for all clones in `~/.cache/ebpftrace/vm`, or the folder
that `EBPFTRACE_VM_CACHE` names. Results and logs are in the clone's `.cache/vm/results`:
of tests that were run again by name, the last run counts here.
Only a trial boot makes it use KVM; else processors are emulated.

What a kernel offers is read from its types (BTF) or found out by trying, never from its
version. Mapping calls are counted by the first of fentry, kprobe and syscall tracepoints that
works.
"""

_PROCESSORS = {
    "x86-64": "Booted with systemd, in the machine that `vagrant/provision.sh` makes.",
    "aarch64": """\
Emulated on x86-64, which is slow: a part of the tests, named in `tests/vm/selection.py`. The
root file system is an arm64 Debian 12 of debootstrap whose packages were unpacked and not
configured, so that process 1 is `tests/vm/guest/plain-init` and not systemd. Debian's archive
has arm64 kernels with pages of 4 and of 16 KiB, none with 64 KiB. The wheel is the same as
on x86-64: it is pure Python, and the programs are compiled on the node or by `ebpftrace
compile`.""",
}
"""The headings, and what stands below each."""


@dataclass(frozen=True, slots=True)
class Column:
    """One kernel: what the probe said of it, and counts of outcomes by test file."""

    release: str
    cgroups: int
    features: dict[str, str]
    remarks: list[str]
    means: list[str]
    outcomes: dict[str, Counter[str]]
    page_kib: int = 4

    @property
    def processor(self) -> str:
        return "aarch64" if "arm64" in self.release else "x86-64"


def read(folder: Path) -> Column:
    """What is known of the kernel of the last run. OSError or ValueError if that hung."""
    found = json.loads((folder / "features.json").read_text())
    known = known_of(folder.parent / f"{found['release']}.json")
    return Column(**found, outcomes=by_file(known))


def page(columns: list[Column], before: str = "") -> str:
    """The page, in Markdown. What has no columns is taken from the page `before`."""
    sections = []
    for heading, about in _PROCESSORS.items():
        there = [column for column in columns if column.processor == heading]
        if there:
            sections += [f"## {heading}", "", about, "", *_section(there), ""]
        elif kept := re.search(_SECTION.format(heading), before, re.DOTALL | re.MULTILINE):
            sections += [kept[0].rstrip("\n"), ""]
    return "\n".join(
        [
            _INTRODUCTION,
            *sections,
            "## Not tried in machines",
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


def _section(columns: list[Column]) -> list[str]:
    rows = [["", *(f"**{column.release}**" for column in columns)]]
    rows.append(["pages", *(f"{column.page_kib} KiB" for column in columns)])
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
    said = ["", "What the probe remarks of its own accord:", ""] if remarks else []
    return [*_table(rows), *said, *remarks]


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
    there = [
        (in_order(match[1]), match[0])
        for path in RESULTS.glob("*")
        if path.is_dir() and (match := _FOLDER.fullmatch(path.name))
    ]
    for _, name in sorted(there):
        try:
            columns.append(read(RESULTS / name))
        except (OSError, ValueError) as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    if not columns:
        print("no kernel has results: make test-vm-all", file=sys.stderr)
        return 1
    PAGE.write_text(page(columns, PAGE.read_text()))
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
