"""A job's evidence makes room for its own; whichever way it is spread over cgroups."""

import pytest

from ebpftrace.act.actions.support.surplus import Kept, surplus


def kept(name: int, cgroup: str, job: str = "") -> Kept:
    return Kept(f"{name:03}", cgroup, job or cgroup)


def left(entries: list[Kept], most: int, newest: str = "") -> list[str]:
    removed = surplus(entries, most, newest)
    return [each.name for each in entries if each not in removed]


def test_the_oldest_of_one_job_are_removed() -> None:
    assert left([kept(number, "/a") for number in range(5)], 2) == ["003", "004"]
    assert surplus([kept(1, "/a")], 1) == []


def test_one_job_pushes_out_none_of_others() -> None:
    others = [kept(0, "/ci/one"), kept(1, "/ci/two")]
    flood = [kept(number, "/ci/three") for number in range(2, 50)]
    assert left(others + flood, 5) == ["000", "001", "047", "048", "049"]


def test_cgroups_that_a_job_makes_below_its_own_count_as_its() -> None:
    others = [kept(0, "/ci/one"), kept(1, "/ci/two")]
    flood = [kept(number, f"/ci/three/{number}/x") for number in range(2, 50)]
    assert left(others + flood, 5) == ["000", "001", "047", "048", "049"]


def test_runs_that_processes_of_a_cgroup_name_count_as_the_cgroups() -> None:
    others = [kept(0, "/ci/one"), kept(1, "/ci/two")]
    flood = [kept(number, "/ci/three", f"7:github:{number}") for number in range(2, 50)]
    assert left(others + flood, 5) == ["000", "001", "047", "048", "049"]


def test_in_a_shared_cgroup_the_run_with_the_most_loses_some() -> None:
    entries = [kept(0, "/ci", "one"), *(kept(number, "/ci", "two") for number in range(1, 9))]
    assert left(entries, 3) == ["000", "007", "008"]


def test_of_jobs_with_as_much_the_oldest_is_removed() -> None:
    entries = [kept(number, f"/ci/{number}") for number in range(6)]
    assert left(entries, 4) == ["002", "003", "004", "005"]


def test_a_job_with_a_few_incidents_loses_none_while_older_evidence_is_there() -> None:
    entries = [kept(number, f"/ci/{number}") for number in range(18)]
    fresh = [kept(number, "/ci/fresh") for number in range(18, 23)]
    assert left(entries + fresh, 20) == [each.name for each in (entries + fresh)[3:]]
    more = [*entries, *fresh, kept(23, "/ci/fresh")]
    assert left(more, 23) == [each.name for each in more if each.name != "018"]


def test_the_newest_is_never_removed_whatever_its_name() -> None:
    """The clock may have been set back."""
    entries = [kept(0, "/a"), kept(1, "/a"), kept(2, "/b")]
    assert left(entries, 1, newest="000") == ["000"]
    assert left([kept(0, "/a")], 0, newest="000") == ["000"]


@pytest.mark.parametrize("newest", range(1, 9))
def test_a_newest_that_sorts_first_among_its_job_s_protects_nothing_of_that_job(
    newest: int,
) -> None:
    """Names have seconds: of incidents within one, any may be the newest."""
    entries = [kept(0, "/ci/one"), *(kept(number, "/ci/two/x") for number in range(1, 9))]
    remaining = left(entries, 4, newest=f"{newest:03}")
    assert {"000", f"{newest:03}"} <= set(remaining)
    assert len(remaining) == 4


def test_evidence_of_an_unknown_cgroup_is_one_more_job() -> None:
    entries = [Kept("000", "", ""), Kept("001", "", ""), kept(2, "/a")]
    assert left(entries, 2) == ["001", "002"]


def test_a_very_deep_path_is_told_apart_by_its_beginning() -> None:
    deep = [kept(number, "/x" * 2000 + f"/{number}") for number in range(9)]
    assert left([kept(9, "/y"), *deep], 2) == ["009", "008"]
