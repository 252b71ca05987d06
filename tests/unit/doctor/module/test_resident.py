"""What `gopls stats` says."""

import pytest

from ebpftrace.doctor.module.owner import Ran
from ebpftrace.doctor.module.resident import Taken, parse_stats
from ebpftrace.errors import EbpftraceError


def test_version_and_memory() -> None:
    ran = Ran(b'{"GoplsVersion": "v0.24.0\\u001b[2J"}', b"Initializing", 0, 365 << 20, 1.5)
    assert parse_stats(ran) == ("v0.24.0\\x1b[2J", Taken(365 << 20, None, 1.5))


@pytest.mark.parametrize("output", [b"", b"[]", b"{}", b"unknown command"])
def test_a_failure_has_the_words_of_gopls(output: bytes) -> None:
    with pytest.raises(EbpftraceError) as caught:
        parse_stats(Ran(output, b"first\nno go.mod\n\n", 2, 0, 0))
    assert caught.value.why == "no go.mod"
