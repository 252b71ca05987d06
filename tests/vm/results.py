"""What pytest's junit.xml says of a run."""

from collections import Counter
from xml.etree import ElementTree


def outcomes(junit: str) -> dict[str, Counter[str]]:
    """passed, failed, skipped of each test file, from pytest's junit.xml."""
    files: dict[str, Counter[str]] = {}
    for case in ElementTree.fromstring(junit).iter("testcase"):
        # A class of tests stands behind its module, and is called Test…
        module = case.get("classname", "").partition(".Test")[0]
        name = module.replace(".", "/") + ".py"
        kinds = {child.tag for child in case}
        outcome = (
            "failed" if kinds & {"failure", "error"}
            else "skipped" if "skipped" in kinds
            else "passed"
        )  # fmt: skip
        files.setdefault(name, Counter())[outcome] += 1
    return files
