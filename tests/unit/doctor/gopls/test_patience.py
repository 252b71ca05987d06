"""Second attempts, and their end."""

import os

from ebpftrace.doctor.gopls.patience import PatientReader


def test_what_is_found_at_last_is_returned() -> None:
    answers = iter([None, None, "found"])
    pauses: list[float] = []
    assert PatientReader(sleep=pauses.append).again(lambda: next(answers)) == "found"
    assert len(pauses) == 2


def test_all_reads_together_are_given_so_many_seconds() -> None:
    pauses: list[float] = []
    reader = PatientReader(0.5, sleep=pauses.append)
    for _ in range(100):
        assert reader.again(lambda: None) is None
    assert 0.5 <= sum(pauses) < 0.6


def test_a_file_that_has_no_answer_is_read_once() -> None:
    pauses: list[float] = []
    assert PatientReader(sleep=pauses.append).file(os.getpid(), lambda: None) is None
    assert pauses == []
