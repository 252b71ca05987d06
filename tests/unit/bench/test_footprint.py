"""Which watches the benches of memory and of idle CPU time start."""

import pytest

from bench import footprint


@pytest.mark.parametrize("accounted", [False, True])
def test_delays_are_measured_where_the_kernel_accounts_them(
    monkeypatch: pytest.MonkeyPatch, accounted: bool
) -> None:
    """Elsewhere a watch with --delays does not start, and would end the whole run."""
    monkeypatch.setattr(footprint, "available", lambda: accounted)
    with_delays = [it.label for it in footprint._observers() if "--delays" in it.argv]
    assert with_delays == ["ebpftrace --delays"] * accounted
