import re

import pytest

from ebpftrace.errors import NoBtfError, ProbeError
from ebpftrace.probe.loading.btf import Btf
from ebpftrace.probe.loading.known_types import BTF_PATH
from ebpftrace.probe.loading.layout import read_layout, require_tracepoints, whole_pages
from ebpftrace.probe.loading.sources import read_source
from ebpftrace.units import PAGE_SIZE

needs_btf = pytest.mark.skipif(not BTF_PATH.exists(), reason="this kernel publishes no BTF")


class NoTypes:
    """The BTF of a kernel that has nothing."""

    def offset(self, path: str) -> int:
        raise KeyError(path)

    def tracepoint_args(self, _name: str) -> None:
        return None


NO_TYPES: Btf = NoTypes()  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("size", "pages"), [(0, 0), (1, 1), (PAGE_SIZE, 1), (PAGE_SIZE + 1, 2)]
)
def test_bytes_are_rounded_up_to_pages(size: int, pages: int) -> None:
    assert whole_pages(size) == pages


@needs_btf
def test_every_field_that_the_c_names_has_an_offset() -> None:
    flags = set(re.findall(r"-DAT_(\w+)=", " ".join(read_layout(Btf.of_kernel()).flags)))
    fields = re.findall(r"(?<!define )\bAT\((\w+), (\w+)\)", read_source())
    assert ("task_struct", "tgid") in fields
    assert {f"{struct}_{field}" for struct, field in fields} <= flags


@needs_btf
def test_each_cpu_has_a_part_of_the_counters_where_the_kernel_divides_them() -> None:
    layout = read_layout(Btf.of_kernel(), cpus=96)
    assert "-DCPUS=96ULL" in layout.flags
    assert layout.cpus == (96 if "-DRSS_PERCPU=1ULL" in layout.flags else 0)


@needs_btf
def test_reads_by_the_helper_can_be_asked_for() -> None:
    flags = read_layout(Btf.of_kernel(), by_helper=True, cpus=2).flags
    assert not any(flag.startswith("-DRDONLY_CAST") for flag in flags)


def test_missing_field_is_named() -> None:
    with pytest.raises(NoBtfError, match=r"no \w+\.\w+"):
        read_layout(NO_TYPES)


def test_missing_tracepoint_is_named() -> None:
    with pytest.raises(ProbeError, match="no tracepoint rss_stat"):
        require_tracepoints(NO_TYPES, ["rss_stat"])
    require_tracepoints(NO_TYPES, [])
