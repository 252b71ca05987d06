"""What pytest's junit.xml says of a run, and what is known of a kernel after several."""

import json
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from tests.vm.paths import ROOT
from tests.vm.selection import LEFT_OUT

Outcomes = dict[str, str]
"""By test, e.g. `tests/kernel/test_memory.py::TestAClass::test_it`: passed, failed, skipped."""


def outcomes(junit: str) -> Outcomes:
    """Of pytest's junit.xml; an error is a failure."""
    found = {}
    for case in ElementTree.fromstring(junit).iter("testcase"):
        # A class of tests stands behind its module, and is called Test…
        module, _, cls = case.get("classname", "").partition(".Test")
        parts = [module.replace(".", "/") + ".py", *([f"Test{cls}"] if cls else [])]
        kinds = {child.tag for child in case}
        found["::".join([*parts, case.get("name", "")])] = (
            "failed" if kinds & {"failure", "error"}
            else "skipped" if "skipped" in kinds
            else "passed"
        )  # fmt: skip
    return found


def keep(file: Path, junit: str, *, whole: bool) -> None:
    """Add a run to what a file knows of a kernel: a test's last run counts.

    A `whole` run takes the place of all that was known. So that a mended test is run again by
    itself, and need not wait for the rest.
    """
    known = {} if whole else known_of(file)
    file.write_text(json.dumps(known | outcomes(junit), indent=0), encoding="utf-8")


def known_of(file: Path) -> Outcomes:
    """What `keep` kept; nothing if there is no such file.

    Without tests whose file is gone, or is by now left out of what machines try.
    """
    if not file.exists():
        return {}
    known: Outcomes = json.loads(file.read_text(encoding="utf-8"))
    out = tuple(LEFT_OUT)
    return {
        test: end
        for test, end in known.items()
        if (ROOT / _file(test)).exists() and not test.startswith(out)
    }


def by_file(known: Outcomes) -> dict[str, Counter[str]]:
    """How often each outcome is there, by test file."""
    files: dict[str, Counter[str]] = {}
    for test, end in known.items():
        files.setdefault(_file(test), Counter())[end] += 1
    return files


def _file(test: str) -> str:
    return test.partition("::")[0]
