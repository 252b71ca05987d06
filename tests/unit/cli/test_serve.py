"""Options of `ebpftrace serve` that need no watch."""

import pytest
from click.testing import CliRunner

from ebpftrace.cli.serve import _require_signs_of_life, serve
from ebpftrace.errors import UsageError
from ebpftrace.units import NS_PER_SECOND


def test_a_password_is_hashed_and_never_the_same_twice() -> None:
    first, second = (
        CliRunner().invoke(serve, ["--hash-password"], input="secret\n").output
        for _ in range(2)
    )
    assert first.startswith("$scrypt$ln=15,r=8,p=1$")
    assert first != second


@pytest.mark.parametrize("said", [b"\n", b"\xff\n"])
def test_a_password_that_is_empty_or_no_text_is_refused(said: bytes) -> None:
    done = CliRunner().invoke(serve, ["--hash-password"], input=said)
    assert isinstance(done.exception, UsageError)


@pytest.mark.parametrize("listen", ["localhost:1", "127.0.0.1"])
def test_a_wrong_address_is_refused(listen: str) -> None:
    done = CliRunner().invoke(serve, ["--listen", listen])
    assert done.exit_code == 2
    assert "write 127.0.0.1:9435" in done.output


def test_the_interval_fits_the_watchdog() -> None:
    _require_signs_of_life(NS_PER_SECOND, None)
    _require_signs_of_life(NS_PER_SECOND, 2 * NS_PER_SECOND)
    with pytest.raises(UsageError, match="too long for the watchdog"):
        _require_signs_of_life(NS_PER_SECOND + 1, 2 * NS_PER_SECOND)
