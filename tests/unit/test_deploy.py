"""The systemd unit: systemd reads it, it is hardened, and each capability has its reason."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.build import ROOT

UNIT = ROOT / "deploy" / "systemd" / "ebpftrace.service"
TEXT = UNIT.read_text(encoding="utf-8")
DOCS = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
MOST_EXPOSED = 42  # of 100


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """With a program that is there."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze")
    made = tmp_path / UNIT.name
    made.write_text(TEXT.replace("/usr/bin/ebpftrace serve", "/bin/true"), encoding="utf-8")
    return made


def analyzed(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, check=False
    )


def test_systemd_understands_every_line(unit: Path) -> None:
    done = analyzed("verify", "--man=no", unit)
    about_it = [line for line in done.stderr.splitlines() if unit.name in line]
    assert (done.returncode, about_it) == (0, [])


def test_it_is_as_hardened_as_the_docs_say(unit: Path) -> None:
    done = analyzed("security", "--offline=true", f"--threshold={MOST_EXPOSED}", unit)
    assert done.returncode == 0, done.stdout
    assert f"may be {MOST_EXPOSED / 10} at most" in DOCS
    weaker = TEXT.replace("ProtectSystem=strict", "").replace("PrivateTmp=yes", "")
    unit.write_text(weaker.replace("CapabilityBoundingSet", "#"), encoding="utf-8")
    assert analyzed(
        "security", "--offline=true", f"--threshold={MOST_EXPOSED}", unit
    ).returncode


def test_each_capability_has_its_reason_on_the_line_before() -> None:
    lines = TEXT.splitlines()
    granted = [line for line in lines if line.startswith("CapabilityBoundingSet=")]
    assert granted
    for line in granted:
        name = line.partition("=")[2]
        assert re.match(rf"# {name}: \w", lines[lines.index(line) - 1]), name


def test_it_restarts_and_is_watched() -> None:
    for line in ("Type=notify", "Restart=on-failure", "ExecStart=/usr/bin/ebpftrace serve"):
        assert f"\n{line}\n" in TEXT
    seconds = re.search(r"^WatchdogSec=(\d+)$", TEXT, re.MULTILINE)
    assert seconds
    assert int(seconds[1]) >= 2  # twice the default of --interval
