import pytest

from ebpftrace.units import MIB
from ebpftrace.views import formatting


def test_counts_know_their_plural() -> None:
    assert formatting.count(1, "job") == "1 job"
    assert formatting.count(0, "job") == "0 jobs"
    assert formatting.count(1200, "process", "processes") == "1,200 processes"


def test_growth_has_a_sign() -> None:
    assert formatting.rate(35 * MIB) == "+35 MiB/s"
    assert formatting.rate(-35 * MIB) == "-35 MiB/s"
    assert formatting.rate(0) == "steady"


@pytest.mark.parametrize(
    ("seconds", "text"), [(9.0, "9.0s"), (125.0, "2m05s"), (1e12, ">99d"), (0.0, "0ms")]
)
def test_a_projected_time_stays_short(seconds: float, text: str) -> None:
    assert formatting.wait(seconds) == text


def test_losses_by_cause() -> None:
    assert formatting.missed({}) == ""
    assert formatting.missed({"cgroups_full": 0}) == ""
    text = formatting.missed({"ring_exit": 12, "cgroups_full": 2})
    assert text == "14 missed: ring exit 12, cgroups full 2"


def test_a_signal_without_a_name_keeps_its_number() -> None:
    assert formatting.signal_name(9) == "SIGKILL"
    assert formatting.signal_name(40) == "signal 40"


def test_a_process_is_named_with_the_part_it_plays() -> None:
    assert formatting.process_name("gopls", "", 4711) == "gopls 4711"
    assert formatting.process_name("gopls", "telemetry", 4712) == "gopls (telemetry) 4712"
