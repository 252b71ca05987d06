from ebpftrace.jobs import plain


def test_the_host_is_the_root_of_all() -> None:
    assert plain.locate("/", 1).kind == "host"
    assert plain.locate("/", 77).kind == "cgroup", "the root of a cgroup namespace"


def test_a_cgroup_is_named_by_the_end_of_its_path() -> None:
    assert plain.locate("/demo/steady", 9).name == "demo/steady"
    long = plain.locate("/a-very-long-folder-name/another-one/steady", 9).name
    assert len(long) == 32
    assert long.startswith("…")
    assert long.endswith("another-one/steady")


def test_an_unknown_cgroup_says_so() -> None:
    place = plain.unknown(9)
    assert place.name == "cgroup 9"
    assert "removed" in place.identified_by
