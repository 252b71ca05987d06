"""How the judge speaks."""

from dataclasses import replace

import pytest

from ebpftrace.counters import CgroupContents
from ebpftrace.judge import words
from ebpftrace.units import GIB, MIB
from tests.support import curves, watches


def test_sizes_and_times() -> None:
    assert words.size(2 * GIB) == "2 GiB"
    assert words.size(312.4 * MIB) == "312 MiB"
    assert words.size(1.5 * GIB) == "1.5 GiB"
    text = [words.seconds(number) for number in (0.4, 9, 71.2, 720, 12600)]
    assert text == ["0.4 s", "9 s", "71 s", "12 min", "3.5 h"]


def test_what_is_ahead() -> None:
    def ahead(seconds: float | None, limit: int | None = GIB) -> str:
        now = curves.sample(0, 1)._replace(limit_bytes=limit)
        return words.ahead(now, watches.trend(MIB, seconds))

    assert ahead(5, limit=None) == ahead(None) == ""
    assert ahead(71) == "; at this rate the limit of 1 GiB is 71 s away"
    soon = "; at this rate the limit of 1 GiB is less than a second away"
    assert ahead(0.3) == soon  # it has room left
    assert ahead(0) == "; the limit of 1 GiB is reached"


@pytest.mark.parametrize(
    ("sizes", "start", "end"),
    [
        ((512,), "gopls 4711 in job github/build-42", ""),
        ((512, 40), "gopls 4711 in job github/build-42", ""),
        ((512, 200), "job github/build-42", "; gopls 4711 holds 480 MiB of it"),
        ((512, 400), "job github/build-42", ""),
        ((), "job github/build-42", ""),
    ],
    ids=["only", "nearly all", "most", "not two thirds", "none"],
)
def test_a_process_is_named_for_what_it_holds(
    sizes: tuple[int, ...], start: str, end: str
) -> None:
    job = watches.job(
        processes=[watches.process(4711 + n, mib * MIB) for n, mib in enumerate(sizes)]
    )
    assert words.subject(job, None) == (start, end)


def test_what_no_watched_process_holds_is_stated() -> None:
    job = watches.job(processes=[watches.process(resident=24 * MIB)])
    contents = CgroupContents(anon_bytes=24 * MIB, shmem_bytes=150 * MIB)
    job = replace(job, cgroup=job.cgroup._replace(contents=contents))
    assert words.subject(job, None) == (
        "job github/build-42", "; tmpfs holds 152 of 174 MiB",
    )  # fmt: skip


def test_kernel_memory_is_no_process_of_the_job() -> None:
    job = watches.job(processes=[watches.process(resident=24 * MIB)])
    little = replace(job, cgroup=job.cgroup._replace(kernel_bytes=2 * MIB))
    assert words.subject(little, None) == ("gopls 4711 in job github/build-42", "")
    most = replace(job, cgroup=job.cgroup._replace(kernel_bytes=150 * MIB))
    assert words.subject(most, None) == (
        "job github/build-42", "; kernel memory holds 150 of 172 MiB",
    )  # fmt: skip


def test_a_label_names_the_process_that_was_judged() -> None:
    process = watches.process()
    job = watches.job(processes=[process])
    assert words.label(job, process) == "gopls 4711 in job github/build-42"
    assert words.label(job) == "job github/build-42"


@pytest.mark.parametrize(
    ("anon", "shmem", "kernel", "said"),
    [
        (100, 0, 1, "anon only"),
        (0, 0, 100, "kernel memory only"),
        (100, 0, 50, "anon and kernel memory"),
        (100, 100, 50, "anon, shmem and kernel memory"),
    ],
)
def test_kernel_memory_is_a_kind_of_its_own(
    anon: int, shmem: int, kernel: int, said: str
) -> None:
    before = curves.sample(0, 10)
    now = curves.sample(1, 10 + anon, shmem=shmem)
    assert words.kinds(before, now._replace(kernel_bytes=kernel * MIB)) == said


def test_a_large_part_of_kernel_memory_is_mentioned() -> None:
    assert words.kernel_part(5 * MIB, 100 * MIB) == ""
    assert words.kernel_part(80 * MIB, 100 * MIB) == ", 80 MiB of it kernel memory"
