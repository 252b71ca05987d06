"""bcc's library is found or reported, and what libraries write is hidden."""

import os
import sys

import pytest

from ebpftrace.errors import NoBccError
from ebpftrace.probe.loading import library
from ebpftrace.probe.loading.library import quiet


def test_missing_library_is_an_error_with_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_LIBRARIES", ("libno-such.so.0",))
    with pytest.raises(NoBccError) as caught:
        library.bcc_library()
    assert caught.value.why == "there is no libno-such.so.0"
    assert "python3-bpfcc" in caught.value.fix


def test_output_of_a_library_is_hidden_and_its_end_returned(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with quiet() as output:
        os.write(2, b"x" * 3000 + b"last words\n")
        os.write(1, b"more\n")
        written = output()
    assert written.endswith("last words\nmore")
    assert len(written) <= 2000
    os.write(1, b"after\n")
    print("printed", file=sys.stderr)
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("after\n", "printed\n")
