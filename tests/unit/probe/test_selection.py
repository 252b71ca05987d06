"""What is watched, in words."""

from ebpftrace.probe import Selection


def test_each_kind_is_named_once() -> None:
    selection = Selection(comms=("gopls", "go*"), pids=(7,), children=True)
    assert selection.in_words == "comm gopls or 'go*', pid 7, with children"


def test_nothing_given_is_everything() -> None:
    assert Selection().in_words == "every process"
