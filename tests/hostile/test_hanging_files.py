"""Programs on a file system whose server does not answer; another job is protected."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ebpftrace.host.bounded import MOST_STUCK
from tests.support.acting import SECONDS
from tests.support.delegation import UNPRIVILEGED
from tests.support.hanging_files import HangingFiles, hanging_files
from tests.support.process_state import state, until
from tests.support.protection import protected_watch

pytestmark = pytest.mark.kernel

PROCESSES = MOST_STUCK + 2


@pytest.fixture(params=[1, MOST_STUCK + 2], ids=["one-server", "many-servers"])
def hanging(request: pytest.FixtureRequest) -> Iterator[list[HangingFiles]]:
    """Processes of a user, whose executables' servers hang."""
    servers: int = request.param
    with ExitStack() as stack:
        mounted = [
            stack.enter_context(hanging_files(Path("/bin/sleep"))) for _ in range(servers)
        ]
        running: list[subprocess.Popen[bytes]] = []
        try:
            for number in range(PROCESSES):
                files = mounted[number % servers]
                # By a shell: until its exec a child of vfork(2) holds up the server, a thread
                # here.
                command = ["sh", "-c", f"exec {files.program} 600"]
                running.append(subprocess.Popen(command, user=UNPRIVILEGED))
                until(lambda pid=running[-1].pid, of=files: runs(pid, of))  # type: ignore[misc]
            for files in mounted:
                files.hang()
            yield mounted
        finally:
            for files in mounted:
                files.close()
            for process in running:
                process.kill()
                process.wait()


def runs(pid: int, files: HangingFiles) -> bool:
    program = Path(f"/proc/{pid}/exe").readlink()
    return program == files.program and state(pid) == "S"


def test_job_is_protected_beside_programs_of_a_server_that_hangs(
    tmp_path: Path, hanging: list[HangingFiles]
) -> None:
    """Whether a program is one of Go's is known by its file alone."""
    with protected_watch(tmp_path, "--interval", "250ms", go=True) as protection:
        assert hanging[0].asked_in_vain.wait(SECONDS), "the watch never looked at them"
        ended = protection.verify()
    (end,) = ended.of_type("end")
    assert end["losses"]["proc_timeouts"] >= PROCESSES
