"""What a watch needs of the kernel, and what takes the place of what is missing."""

import platform
from collections.abc import Callable, Iterator

from ebpftrace.doctor.check import CheckResult, CheckState
from ebpftrace.errors import EbpftraceError, NotPermittedError
from ebpftrace.probe import calls
from ebpftrace.probe.features import features, remarks
from ebpftrace.probe.loading.checks import require_bpf
from ebpftrace.probe.loading.compiler import import_bcc
from ebpftrace.probe.loading.known_types import KnownTypes
from ebpftrace.probe.loading.layout import Layout, read_layout
from ebpftrace.text import clean

_AREA = "kernel"


def check_kernel() -> Iterator[CheckResult]:
    """BPF, bcc and the kernel's types; then what is measured, and by which means."""
    yield _tried("bpf", "BPF programs can be loaded", require_bpf)
    yield _tried("bcc", "bcc is installed", import_bcc)
    layouts: list[Layout] = []
    yield _tried(
        "btf",
        f"Linux {clean(platform.release())} publishes its types (BTF)",
        lambda: layouts.append(read_layout(KnownTypes())),
    )
    for layout in layouts:
        yield from _means(layout)


def _tried(name: str, seen: str, attempt: Callable[[], object]) -> CheckResult:
    """A check that fails with the error's own words. Without rights it is not known."""
    try:
        attempt()
    except NotPermittedError as error:
        state = CheckState.WARNING
        return CheckResult(_AREA, name, state, error.what, error.why, error.fix)
    except EbpftraceError as error:
        return CheckResult(_AREA, name, CheckState.ERROR, error.what, error.why, error.fix)
    return CheckResult(_AREA, name, CheckState.OK, seen)


def _means(layout: Layout) -> Iterator[CheckResult]:
    method = None
    if not layout.mmap_lock:
        try:
            method = calls.choose(KnownTypes())
        except EbpftraceError as error:
            yield CheckResult(
                _AREA, "mappings", CheckState.ERROR, error.what, error.why, error.fix
            )
            return
    for name, means in features(layout, method):
        yield CheckResult(_AREA, name, CheckState.OK, f"{name}: {means}")
    for remark in remarks(layout, method):
        yield CheckResult(_AREA, "fallback", CheckState.WARNING, remark)
