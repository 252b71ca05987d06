"""The bounds of other OOM daemons, from their arguments and their files."""

from pathlib import Path

import pytest

from ebpftrace.doctor.check import CheckState
from ebpftrace.doctor.node.oom_daemons import OomDaemon, check_daemons, daemon_of
from ebpftrace.units import GIB, MIB

MACHINE = 8 * GIB


def bound(name: str, *words: str, root: Path) -> int | None:
    return daemon_of(name, 7, (name, *words), MACHINE, root).available_bytes


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), MACHINE // 10),
        (("-m", "5"), MACHINE * 5 // 100),
        (("-r", "60", "-m5,2"), MACHINE * 5 // 100),
        (("-M", "524288,262144"), 512 * MIB),
        (("-m", "x"), MACHINE // 10),
    ],
)
def test_earlyoom_by_its_arguments(
    tmp_path: Path, words: tuple[str, ...], expected: int
) -> None:
    assert bound("earlyoom", *words, root=tmp_path) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", MACHINE * 5 // 100),
        ("# soft_threshold_min_mem = 50 %\nsoft_threshold_min_mem = 8 %\n", MACHINE * 8 // 100),
        ("soft_threshold_min_mem=300 M\n", 300 * MIB),
    ],
)
def test_nohang_by_its_file(tmp_path: Path, text: str, expected: int) -> None:
    write(tmp_path, "etc/nohang/nohang.conf", text)
    assert bound("nohang", "--config", "/tmp/x", root=tmp_path) == expected


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("", (), 100 * MIB),
        ("evictionHard:\n  nodefs.available: 10%\n  memory.available: 200Mi\n", (), 200 * MIB),
        ('evictionHard:\n  memory.available: "5%"\nx: y\n', (), MACHINE * 5 // 100),
        ("evictionSoft:\n  memory.available: 1Gi\n", (), 100 * MIB),
        ("", ("--eviction-hard=nodefs.available<10%,memory.available<1Gi",), GIB),
    ],
)
def test_kubelet_by_its_file_and_flag(
    tmp_path: Path, text: str, words: tuple[str, ...], expected: int
) -> None:
    write(tmp_path, "var/lib/kubelet/config.yaml", text)
    assert bound("kubelet", *words, root=tmp_path) == expected


def test_systemd_oomd_by_its_files(tmp_path: Path) -> None:
    def found() -> OomDaemon:
        return daemon_of("systemd-oomd", 7, (), MACHINE, tmp_path)

    assert "at 60% of memory pressure for 30s" in found().bound
    write(tmp_path, "etc/systemd/oomd.conf", "[OOM]\n#SwapUsedLimit=1%\nSwapUsedLimit=80%\n")
    write(tmp_path, "usr/lib/systemd/oomd.conf.d/10-a.conf", "DefaultMemoryPressureLimit=50%\n")
    write(
        tmp_path, "etc/systemd/oomd.conf.d/20-b.conf", "DefaultMemoryPressureDurationSec=20\n"
    )
    assert "at 50% of memory pressure for 20s, and with 80% of swap" in found().bound
    assert found().available_bytes is None


def test_a_configuration_that_is_no_file_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "etc/nohang/nohang.conf").mkdir(parents=True)
    assert bound("nohang", root=tmp_path) == MACHINE * 5 // 100


def test_the_first_to_act_is_named_and_compared_with_the_limits() -> None:
    daemons = [OomDaemon("earlyoom", 7, "acts", GIB), OomDaemon("kubelet", 8, "acts", MIB)]
    first, second = check_daemons(daemons, MACHINE, 4 * GIB)
    assert first.seen == "earlyoom (pid 7) acts; of these it acts first"
    assert "first" not in second.seen
    assert first.state is CheckState.WARNING
    assert first.fix == "keep the sum of the jobs' limits below 7.0 GiB"
    first, _ = check_daemons(daemons, MACHINE, 7 * GIB + 1)
    assert "before its own limit" in first.why
    assert first.fix == "keep limits below 7.0 GiB"


def test_none_and_a_daemon_that_acts_by_pressure_are_fine() -> None:
    (none,) = check_daemons([], MACHINE, None)
    (oomd,) = check_daemons([OomDaemon("systemd-oomd", 7, "acts", None)], MACHINE, GIB)
    assert none.state is oomd.state is CheckState.OK
