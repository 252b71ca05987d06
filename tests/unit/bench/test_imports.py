"""What `-X importtime` writes is added up by package."""

from bench import imports

TEXT = """\
import time: self [us] | cumulative | imported package
import time:       100 |        100 |   zipimport
import time:       250 |        350 | encodings.aliases
import time:      2000 |       2000 |     click.core
import time:      1000 |       4000 | ebpftrace.cli
import time:       500 |        500 | ebpftrace.events
{"type":"snapshot"}
"""


def test_times_and_modules_are_added_up_by_package() -> None:
    took, modules = imports.by_package(TEXT)
    assert modules == {"ebpftrace": 2, "click": 1, "the standard library": 2, "all": 5}
    assert {name: round(ms, 2) for name, ms in took.items()} == {
        "ebpftrace": 1.5, "click": 2.0, "the standard library": 0.35, "all": 3.85,
    }  # fmt: skip
