from ebpftrace.jobs import fallback


def test_root_of_the_hierarchy_is_the_host() -> None:
    assert fallback.locate("/", 1).kind == "host"
    assert fallback.locate("/", 77).kind == "cgroup", "the root of a cgroup namespace"


def test_cgroup_is_named_by_the_end_of_its_path() -> None:
    assert fallback.locate("/demo/steady", 9).name == "demo/steady"
    long = fallback.locate("/a-very-long-folder-name/another-one/steady", 9).name
    assert len(long) == 32
    assert long.startswith("…")
    assert long.endswith("another-one/steady")


def test_removed_cgroup_is_named_by_its_id() -> None:
    location = fallback.locate_removed(9)
    assert location.name == "cgroup 9"
    assert "removed" in location.identified_by
