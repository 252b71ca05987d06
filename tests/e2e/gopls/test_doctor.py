"""`ebpftrace doctor` on gopls that runs: its version, flags, variables and limits."""

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.doctor.gopls.own_help import flags_without_effect
from tests.support.cgroups import memory_cgroup
from tests.support.cli import ebpftrace
from tests.support.gopls_session import Gopls
from tests.support.process_state import until

pytestmark = [pytest.mark.kernel, pytest.mark.gopls]

ADDRESS_SPACE = 2 << 30


@contextmanager
def running(
    program: Path, *arguments: str, variables: dict[str, str], address_space: int = 0
) -> Iterator[int]:
    """A gopls that waits for its client, in a memory cgroup of 512 MiB; its pid."""
    limit = (address_space, address_space)
    with memory_cgroup(limit=512 << 20) as group:
        process = subprocess.Popen(
            group.inside([program, *arguments]),
            env={"PATH": os.defpath, "HOME": str(program.parent), **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            preexec_fn=partial(resource.setrlimit, resource.RLIMIT_AS, limit)
            if address_space
            else None,
        )
        try:
            until(lambda: Path(f"/proc/{process.pid}/exe").samefile(program))
            yield process.pid
        finally:
            process.kill()
            process.communicate()


def checks_of(pid: int, *options: str) -> dict[str, dict[str, Any]]:
    """Those that name this process."""
    found = json.loads(ebpftrace("doctor", "--json", *options).stdout)["checks"]
    return {check["name"]: check for check in found if f"(pid {pid})" in check["seen"]}


@pytest.fixture
def program(gopls: Gopls, tmp_path: Path) -> Path:
    """A copy that only root can change, under another name."""
    path = tmp_path / "language-server"
    shutil.copy(gopls.binary, path)
    os.chown(path, 0, 0)
    path.chmod(0o755)
    return path


def test_a_healthy_gopls_is_named_with_its_version(gopls: Gopls, program: Path) -> None:
    with running(program, variables={"GOMEMLIMIT": "400MiB"}) as pid:
        checks = checks_of(pid, "--comm", "language-s*")
    assert set(checks) == {"running"}
    assert checks["running"]["seen"].startswith(f"gopls {gopls.version} (pid {pid}): ")


def test_the_file_cache_of_a_running_gopls_is_measured(program: Path) -> None:
    cache = program.parent / "cache"
    (cache / "gopls").mkdir(parents=True)
    (cache / "gopls" / "entry").write_bytes(b"x" * 65536)
    variables = {"GOPLSCACHE": str(cache), "TMPDIR": str(program.parent)}
    with running(program, variables=variables):
        done = ebpftrace("doctor", "--json", "--comm", "language-s*")
    named = {
        check["name"]: check
        for check in json.loads(done.stdout)["checks"]
        if str(cache) in check["seen"]
    }
    assert named["fresh file cache"]["state"] == "warning"
    assert " in " in named["file cache"]["seen"]
    assert "empty" not in named["file cache"]["seen"]


def test_what_is_wrong_is_found_in_each_version(program: Path) -> None:
    variables = {"GOLANG_ORG_GOPLS_DISABLE_CACHE": "1", "GOMEMLIMIT": "1GiB"}
    with running(
        program, "-mode=stdio", variables=variables, address_space=ADDRESS_SPACE
    ) as pid:
        checks = checks_of(pid, "--comm", "language-s*")
        without = checks_of(pid)
    assert set(checks) == {"running", "variable", "address space", "GOMEMLIMIT", "flag"}
    assert checks["address space"]["state"] == "error"
    assert checks["flag"]["seen"].endswith("was started with -mode")
    assert without == {}


def test_a_program_that_others_could_have_written_is_not_run(program: Path) -> None:
    with running(program, variables={}) as pid:
        assert flags_without_effect(pid) == {"mode"}
        os.chown(program, 65534, 0)
        assert flags_without_effect(pid) == frozenset()
        os.chown(program, 0, 0)
        program.chmod(0o757)
        assert flags_without_effect(pid) == frozenset()
        program.chmod(0o755)
        assert flags_without_effect(pid) == {"mode"}
        program.unlink()
        shutil.copy("/bin/true", program)
        assert flags_without_effect(pid) == frozenset()
