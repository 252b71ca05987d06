import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ebpftrace.host import proc
from ebpftrace.units import MIB
from tests.support.fakeroot import FakeRoot

HZ = os.sysconf("SC_CLK_TCK")
GONE = 2**22 + 1  # above PID_MAX_LIMIT


@pytest.mark.parametrize(
    "read",
    [
        proc.read_stat,
        proc.read_comm,
        proc.read_cmdline,
        proc.read_environ,
        proc.read_program,
        proc.read_status,
        proc.read_private_bytes,
    ],
)
def test_process_that_has_ended_reads_as_none(read: object) -> None:
    assert callable(read)
    assert read(GONE) is None


def test_stat_has_parent_name_and_start() -> None:
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    with subprocess.Popen([sys.executable, "-c", "input()", "a b", ""], stdin=-1) as child:
        after = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        stat = proc.read_stat(child.pid)
        comm = proc.read_comm(child.pid)
        assert child.stdin is not None
        child.stdin.write(b"\n")
        child.stdin.flush()
        child.wait()
    assert stat is not None
    assert stat.parent_pid == os.getpid()
    assert stat.comm == comm
    tick_ns = 10**9 // HZ
    assert before - tick_ns <= stat.start_boottime_ns <= after
    assert stat.started_at(stat.start_boottime_ns + tick_ns - 1)
    assert not stat.started_at(stat.start_boottime_ns + tick_ns)


def test_memory_of_this_process_is_counted() -> None:
    before = proc.read_status(os.getpid())
    held = bytearray(os.urandom(32 << 20))
    after = proc.read_status(os.getpid())
    assert before is not None
    assert after is not None
    assert abs(after.anon_bytes - before.anon_bytes - len(held)) < 4 << 20
    resident = after.anon_bytes + after.file_bytes + after.shmem_bytes
    assert after.peak_resident_bytes >= resident - (4 << 20)
    assert after.virtual_bytes > resident
    assert proc.self_cost().rss_bytes >= len(held)


COPIES = """
import mmap, os, sys
pages = mmap.mmap(-1, 16 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
pages.write(b"x" * len(pages))
child = os.fork()
if not child:
    for at in range(0, 8 << 20, mmap.PAGESIZE):
        pages[at] = 1
    print(os.getpid(), flush=True)
sys.stdin.read()
"""


def test_pages_that_a_fork_has_copied_are_private() -> None:
    """The child wrote to eight of the 16 MiB that it shares with its parent."""
    with subprocess.Popen(
        [sys.executable, "-c", COPIES], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        private, status = proc.read_private_bytes(child), proc.read_status(child)
    assert private is not None
    assert status is not None
    assert 8 * MIB <= private <= status.anon_bytes - 7 * MIB


def test_own_cpu_time_grows_with_work() -> None:
    before = proc.self_cost().cpu_ns
    sum(range(200_000))
    assert proc.self_cost().cpu_ns > before


def test_deleted_program_keeps_its_path(tmp_path: Path) -> None:
    program = tmp_path / "prog"
    program.write_bytes(Path("/bin/sleep").read_bytes())
    program.chmod(0o755)
    with subprocess.Popen([str(program), "60"]) as child:
        while (found := proc.read_program(child.pid)) is None or "prog" not in found:
            time.sleep(0.001)  # until it has executed the program
        status = program.stat()
        program.unlink()
        assert proc.read_program(child.pid) == found == str(program)
        assert proc.program_id(child.pid) == (status.st_dev, status.st_ino)
        child.kill()


def test_living_thread_is_another_once_the_first_has_ended(tmp_path: Path) -> None:
    fake = FakeRoot(tmp_path)
    fake.process(7)
    fake.process(8)
    for thread in (7, 8):
        (fake.proc / f"7/task/{thread}").mkdir(parents=True)
    assert sorted(proc.threads(7, fake.proc)) == [7, 8]
    assert proc.living_thread(7, fake.proc) == 7
    stat = fake.proc / "7/stat"
    stat.write_text(stat.read_text().replace(") S ", ") Z "))
    assert proc.living_thread(7, fake.proc) == 8
    assert proc.living_thread(9, fake.proc) == 9  # gone
    assert proc.program_id(9, fake.proc) == (0, 0)


def test_zombie_has_no_memory_and_no_arguments() -> None:
    child = subprocess.Popen(["true"])
    try:
        while (stat := proc.read_stat(child.pid)) is None or stat.state != "Z":
            time.sleep(0.001)
        assert proc.read_status(child.pid) is None
        assert proc.read_cmdline(child.pid) == ()
    finally:
        child.wait()


def test_comm_with_brackets_and_spaces_is_parsed_and_cleaned(tmp_path: Path) -> None:
    fake = FakeRoot(tmp_path)
    fake.process(7, 3, comm="a) R (b \x1b[1m", start_ticks=55)
    stat = proc.read_stat(7, fake.proc)
    assert stat is not None
    assert (stat.comm, stat.parent_pid, stat.start_ticks) == ("a) R (b \\x1b[1m", 3, 55)


def test_environ_is_bounded_and_drops_a_cut_variable(tmp_path: Path) -> None:
    fake = FakeRoot(tmp_path)
    filler = {f"V{index}": "x" * 1000 for index in range(2200)}
    fake.process(7, environ={"FIRST": "1", **filler, "LAST": "1"})
    environ = proc.read_environ(7, fake.proc)
    assert environ is not None
    assert environ.get("FIRST") == "1"
    assert "LAST" not in environ
    assert len(environ) < 2 * 1024 * 1024 // 1000
    assert all(environ.get(f"V{index}", 2000) in ("", "x" * 1000) for index in range(2200))


@pytest.mark.parametrize(
    ("before", "size"), [(2, 120_000), (16, 120_000), (400, 4_000), (12_000, 80)]
)
def test_variable_after_much_environment_is_found(
    tmp_path: Path, before: int, size: int
) -> None:
    fake = FakeRoot(tmp_path)
    filler = {f"V{index}": "x" * size for index in range(before)}
    fake.process(7, environ={**filler, "GITHUB_RUN_ID": "5"})
    environ = proc.read_environ(7, fake.proc)
    assert environ is not None
    assert environ.get("GITHUB_RUN_ID") == "5"


def test_environment_of_240_kib_is_read_from_a_real_process() -> None:
    filler = {f"V{index}": "x" * 120_000 for index in range(2)}
    with subprocess.Popen(["sleep", "60"], env={**filler, "LAST": "1"}) as child:
        try:
            while not proc.read_cmdline(child.pid):
                time.sleep(0.001)  # exec sets its arguments last
            environ = proc.read_environ(child.pid)
        finally:
            child.kill()
    assert environ is not None
    assert environ.get("LAST") == "1"


@pytest.mark.parametrize(
    ("raw", "session"), [("7", 7), ("4294967295", None), ("", None), ("x", None), (None, None)]
)
def test_session_is_the_kernels_number(
    tmp_path: Path, raw: str | None, session: int | None
) -> None:
    FakeRoot(tmp_path).process(7)
    if raw is not None:
        (tmp_path / "proc/7/sessionid").write_text(raw)
    assert proc.read_session(7, tmp_path / "proc") == session


def test_dying_process_has_a_pending_sigkill_or_is_exiting(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "100"]) as child:
        assert not proc.is_dying(child.pid)
        folder = tmp_path / str(child.pid)
        folder.mkdir()
        (folder / "stat").write_bytes(Path(f"/proc/{child.pid}/stat").read_bytes())
        (folder / "status").write_text("SigPnd:\t0000000000000000\nShdPnd:\t0000000000040000\n")
        assert not proc.is_dying(child.pid, tmp_path)  # SIGSTOP
        (folder / "status").write_text("SigPnd:\t0000000000000000\nShdPnd:\t0000000000000100\n")
        assert proc.is_dying(child.pid, tmp_path)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert proc.is_dying(child.pid)
    assert not proc.is_dying(2**22 + 1)


def test_sixty_thousand_groups_hide_neither_the_memory_nor_the_signal(tmp_path: Path) -> None:
    """In /proc/PID/status they come before both."""
    fake = FakeRoot(tmp_path)
    fake.process(7)
    groups = " ".join(str(4294967000 - group) for group in range(65536))
    (fake.proc / "7/status").write_text(
        f"Name:\tsh\nGroups:\t{groups}\nVmSize:\t  2000 kB\nSigPnd:\t0000000000000100\n"
    )
    status = proc.read_status(7, fake.proc)
    assert status is not None and status.virtual_bytes == 2000 * 1024
    assert proc.is_dying(7, fake.proc)
