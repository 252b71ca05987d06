"""What is watched, in words."""

from ebpftrace.probe import Selection


def test_words_name_each_kind_of_selector_once() -> None:
    selection = Selection(comms=("gopls", "go*"), pids=(7,), children=True)
    assert selection.in_words == "comm gopls or 'go*', pid 7, with children"


def test_empty_selection_is_every_process() -> None:
    assert Selection().in_words == "every process"
