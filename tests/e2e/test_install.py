"""Installed as a wheel, away from the checkout; its version, and completion by Tab."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from ebpftrace import __version__
from ebpftrace.cli.share import shared_files
from tests.support.build import ROOT
from tests.support.cli import ebpftrace
from tests.support.names import unique_comm
from tests.support.records import process_of
from tests.support.workload import Workload


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--no-deps", "--disable-pip-version-check", f"--wheel-dir={folder}"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", str(ROOT), *options], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a fresh venv of the distribution's Python with the wheel in it.

    Its dependencies are those of the venv the tests run in.
    """
    venv = tmp_path_factory.mktemp("venv")
    subprocess.run(
        ["/usr/bin/python3", "-m", "venv", "--system-site-packages", "--without-pip", venv],
        check=True,
    )
    python = venv / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--disable-pip-version-check", str(wheel)], check=True)
    (site,) = venv.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return venv / "bin"


def test_the_wheel_has_every_kernel_source_and_header(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    sources = [path for path in (ROOT / "bpf").rglob("*") if path.suffix in (".c", ".h")]
    assert len(sources) > 10
    assert {f"ebpftrace/{path.relative_to(ROOT)}" for path in sources} <= inside
    assert not [name for name in inside if name.startswith(("tests", "bench"))]


def test_the_wheel_has_the_man_page_and_the_completions(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        data = {
            name.partition(".data/data/share/")[2]: archive.read(name).decode()
            for name in archive.namelist()
            if ".data/data/share/" in name
        }
    assert data == shared_files()


def test_man_renders_the_installed_page(installed: Path) -> None:
    page = installed.parent / "share" / "man" / "man1" / "ebpftrace.1"
    assert page.read_text().startswith(".TH EBPFTRACE 1 ")
    if not shutil.which("man"):
        pytest.skip("man is not installed")
    done = subprocess.run(
        ["man", "--warnings", "-P", "cat", "-l", page],
        env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "ebpftrace watch [OPTIONS]" in done.stdout


@pytest.mark.kernel
def test_installed_it_watches_from_anywhere(installed: Path, tmp_path: Path) -> None:
    where = subprocess.run(
        [installed / "python", "-c", "import ebpftrace; print(ebpftrace.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(where.stdout.strip()).is_relative_to(installed.parent)
    comm = unique_comm()
    with Workload(comm) as workload:
        done = ebpftrace(
            *("watch", "--comm", comm, "--once", "--output", "jsonl"),
            python=[str(installed / "ebpftrace")],
            environment={"EBPFTRACE_CACHE_DIR": str(tmp_path / "cache")},
            cwd=tmp_path,
        )
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert process_of(records[2], workload.pid)["comm"] == comm


def test_it_tells_its_version(installed: Path, tmp_path: Path) -> None:
    for command in ([installed / "ebpftrace"], [installed / "python", "-m", "ebpftrace"]):
        done = ebpftrace("--version", python=[*map(str, command)], cwd=tmp_path)
        assert done.stdout == f"ebpftrace, version {__version__}\n"
        assert done.returncode == 0


BASH = """
eval "$(ebpftrace completion bash)"
complete -p ebpftrace >/dev/null || exit 1
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_ebpftrace_completion ebpftrace
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["ebpftrace", "wa"], {"watch"}),
        (["ebpftrace", "watch", "--chi"], {"--children"}),
        (["ebpftrace", "watch", "--output", ""], {"table", "plain", "jsonl"}),
    ],
)
def test_bash_completes(installed: Path, words: list[str], offered: set[str]) -> None:
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH, "bash", *words],
        env={**os.environ, "PATH": f"{installed}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == offered


@pytest.mark.parametrize(("shell", "current"), [("zsh", "1"), ("fish", "wa")])
def test_the_scripts_of_other_shells_ask_what_is_answered(shell: str, current: str) -> None:
    script = ebpftrace("completion", shell).stdout
    assert f"_EBPFTRACE_COMPLETE={shell}_complete" in script
    if found := shutil.which(shell):  # syntax only: neither completes without a terminal
        subprocess.run([found, "-n"], input=script, text=True, check=True)
    asked = {
        "_EBPFTRACE_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": "ebpftrace wa",
        "COMP_CWORD": current,
    }
    answer = ebpftrace(environment=asked)
    assert answer.returncode == 0
    assert "watch" in answer.stdout
    assert "completion" not in answer.stdout
