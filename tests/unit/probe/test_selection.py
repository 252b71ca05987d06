"""What is watched, in words."""

from ebpftrace.probe import Selection


def test_words_name_each_kind_of_selector_once() -> None:
    selection = Selection(comms=("gopls", "go*"), pids=(7,), children=True)
    assert selection.in_words == "comm gopls or 'go*', pid 7, with children"


def test_empty_selection_is_every_process() -> None:
    assert Selection().in_words == "every process"


def test_whole_jobs_are_selected_where_no_program_is_named() -> None:
    assert Selection().takes_whole_jobs
    assert Selection(comms=("*",)).takes_whole_jobs
    assert Selection(cgroups=("/ci",)).takes_whole_jobs
    assert not Selection(comms=("gopls",), children=True).takes_whole_jobs
    assert not Selection(comms=("*",), exes=("/usr/bin/*",)).takes_whole_jobs
    assert not Selection(pids=(7,)).takes_whole_jobs
    assert not Selection(go_mains=("example.com/*",)).takes_whole_jobs
