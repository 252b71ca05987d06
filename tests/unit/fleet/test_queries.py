"""The queries as PromQL; tests/e2e/test_top.py has a real Prometheus answer them."""

import json
import re

import pytest

from ebpftrace.fleet.queries import Fleet


def test_each_series_is_asked_for_with_the_further_matchers() -> None:
    fleet = Fleet('cluster="eu"')
    jobs = [("node-1:9435", "5"), ("node-2:9435", "7:gh")]
    for query in (
        fleet.soonest(9), fleet.figures(), fleet.losses(), fleet.jobs(jobs),
        fleet.curves(jobs), fleet.processes(jobs),
    ):  # fmt: skip
        selectors = re.findall(r"\{([^}]*)\}", query)
        assert selectors
        assert all(one.endswith('cluster="eu"') for one in selectors), query
    assert "{}" in Fleet().soonest(9)


@pytest.mark.parametrize(
    ("key", "quoted"),
    [("a.b*c", r"a\.b\*c"), ("a|b", r"a\|b"), ('a"}', r'a"\}'), ("a\\", r"a\\"),
     ("a b-c/d:e", "a b-c/d:e"), ("\u00e9\n", "\u00e9\n")],
)  # fmt: skip
def test_names_of_jobs_are_no_patterns(key: str, quoted: str) -> None:
    query = Fleet().jobs([("n:1", key), ("n:1", "x")])
    text = re.search(r'job_key=~("(?:[^"\\]|\\.)*")', query)
    assert text
    assert json.loads(text[1]) == "|".join(sorted([key, "x"])).replace(key, quoted)
    assert r'instance=~"n:1"' in query
