"""Programs on a file system whose server does not answer; another job is protected."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ebpftrace.host.reading.stuck import MOST_STUCK
from tests.support.acting import SECONDS, is_step
from tests.support.cgroups import memory_cgroup
from tests.support.hanging_files import HangingFiles, hanging_files
from tests.support.names import unique_comm
from tests.support.patience import patient
from tests.support.process_state import state, until
from tests.support.records import Watch, holds

pytestmark = pytest.mark.kernel

UNPRIVILEGED = 65534
PROCESSES = MOST_STUCK + 2

SOURCE = """package main

import ("bufio"; "fmt"; "os")

func main() {
	lines := bufio.NewReader(os.Stdin)
	fmt.Println("ready")
	lines.ReadString('\\n')
	held := make([]byte, 100<<20)
	for at := range held { held[at] = 1 }
	lines.ReadString('\\n')
	fmt.Println(held[7])
}
"""


@pytest.fixture
def victim(tmp_path: Path) -> tuple[str, Path]:
    """A Go program by its main package, and where it is."""
    if shutil.which("go") is None:
        pytest.skip("go is not installed")
    package = f"example.org/tools/{unique_comm()}"
    (tmp_path / "main.go").write_text(SOURCE)
    (tmp_path / "go.mod").write_text(f"module {package}\n\ngo 1.19\n")
    program = tmp_path / "victim"
    subprocess.run(["go", "build", "-o", program, "."], cwd=tmp_path, check=True)
    return package, program


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
    tmp_path: Path, victim: tuple[str, Path], hanging: list[HangingFiles]
) -> None:
    package, program = victim
    options = (
        "--go-main", package, "--interval", "250ms", "--level", "64MiB", "--on-breach",
        "true", "--audit", str(tmp_path / "audit.jsonl"),
    )  # fmt: skip
    with (
        memory_cgroup() as group,
        Watch(*options) as watch,
        subprocess.Popen(
            group.inside([program]), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process,
    ):
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert hanging[0].asked_in_vain.wait(SECONDS), "the watch never looked at them"
        watch.wait_for(holds(process.pid), SECONDS)
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert watch.wait_for(is_step("shell"), SECONDS)["pid"] == process.pid
        ended = watch.stop(signal.SIGTERM, patient(15))
        assert (ended.code, ended.stderr) == (0, "")
        (end,) = ended.of_type("end")
        assert end["losses"]["proc_timeouts"] >= PROCESSES
        process.communicate(b"\n")
