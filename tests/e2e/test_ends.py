"""However a watch ends, it ends in order and leaves nothing behind."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.build import ROOT
from tests.support.cgroups import memory_cgroup
from tests.support.cli import NO_TRACEFS, SECONDS, ebpftrace, without_mounts
from tests.support.leftovers import assert_gone, mounts, programs_of
from tests.support.names import unique_comm
from tests.support.patience import patient
from tests.support.records import Watch, process_of
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

COMMAND = (sys.executable, "-m", "ebpftrace", "watch", "--comm", "e2e-none")


@contextmanager
def started(*args: str, **popen: object) -> Iterator[subprocess.Popen[str]]:
    """A watch that may be at any point when the body begins; killed at the end."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **popen}
    process = subprocess.Popen(
        [*COMMAND, *args], cwd=ROOT, stdin=subprocess.DEVNULL, text=True, **streams
    )  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_interrupted_at_any_moment(tmp_path: Path) -> None:
    """From Python's own start (which is Python's affair) to well into the watch.

    With an empty cache each time, so that it meets the compiler too. The moments are as
    far apart as the machine is slow.
    """
    codes = set[int]()
    for milliseconds in (0, 30, 70, 120, 200, 300, 450, 600):
        cache = {**os.environ, "EBPFTRACE_CACHE_DIR": str(tmp_path / str(milliseconds))}
        with started(env=cache) as process:
            time.sleep(patient(milliseconds / 1000))
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=SECONDS)
        if (
            str(ROOT / "ebpftrace") not in stderr
            and "interrupted" not in stderr
            and process.returncode
        ):
            continue  # not one line of ours had run
        assert process.returncode in (0, 130), stderr
        assert "Traceback" not in stderr
        assert (process.returncode == 130) == ("ebpftrace: interrupted" in stderr)
        assert process.returncode == 130 or stdout.splitlines()[-1].startswith("loss ")
        codes.add(process.returncode)
    assert codes  # at least one hit something of ours


@pytest.mark.parametrize(
    "module", ["signal", "enum", "ebpftrace.cli", "click", "ebpftrace.engine"]
)
def test_interrupted_while_it_imports(module: str) -> None:
    """From its first line on: `signal` is what it imports first, and brings `enum`."""
    script = f"""
import os, sys
for loaded in "signal", "enum":
    sys.modules.pop(loaded, None)
class Interrupting:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), {signal.SIGINT:d})
sys.meta_path.insert(0, Interrupting)
from ebpftrace.__main__ import main
main()
"""
    done = ebpftrace("--help", python=[sys.executable, "-c", script])
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "\nebpftrace: interrupted\n"


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]
)
def test_a_signal_ends_it_in_order(number: signal.Signals) -> None:
    before = mounts()
    with Watch("--comm", unique_comm()) as watch:
        programs = programs_of(watch.pid)
        ended = watch.stop(number)
    assert len(programs) > 10
    assert ended.code == 0
    assert not ended.stderr
    assert ended.records[-1]["type"] == "end"
    assert ended.records[-1]["reason"] == f"interrupted by {number.name}"
    assert_gone(programs)
    assert mounts() == before


def test_killed_it_leaves_nothing_attached() -> None:
    before = mounts()
    with Watch("--comm", unique_comm(), "--mapping-calls") as watch:
        programs = programs_of(watch.pid)
        ended = watch.stop(signal.SIGKILL)
    assert len(programs) > 10
    assert ended.code == -signal.SIGKILL
    assert_gone(programs)
    assert mounts() == before


def test_killed_it_leaves_no_tracefs_that_was_not_there(tmp_path: Path) -> None:
    """In a mount namespace without tracefs; the watch mounts its own if it needs one."""
    output = tmp_path / "output"
    script = """
    "$@" >"$OUTPUT" &
    while ! grep -q ^snapshot "$OUTPUT"; do kill -0 $! || exit 1; sleep 0.02; done
    kill -KILL $!
    wait $! || grep -c ' tracefs ' /proc/self/mounts
    """
    done = ebpftrace(
        *("watch", "--comm", "e2e-none", "--mapping-calls"),
        before=[*without_mounts(*NO_TRACEFS), "sh", "-c", script, "sh"],
        environment={"OUTPUT": str(output)},
    )
    assert done.stdout == "0\n", done.stderr
    assert "mapping calls are counted" in output.read_text()


def test_under_nohup_a_hang_up_is_ignored() -> None:
    with started("--interval", "100ms", preexec_fn=_ignore_hang_up) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("snapshot"):
            assert process.poll() is None
        process.send_signal(signal.SIGHUP)
        for _ in range(3):
            assert process.stdout.readline().startswith("snapshot")
        process.send_signal(signal.SIGTERM)
        stdout, _ = process.communicate(timeout=SECONDS)
    assert "interrupted by SIGTERM" in stdout


def _ignore_hang_up() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


@pytest.mark.parametrize("output", ["plain", "table", "jsonl"])
def test_a_reader_that_leaves_ends_it_quietly(output: str) -> None:
    """The interval is an hour: that the reader left is noticed, not met by writing."""
    with started("--interval", "1h", "--output", output) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(SECONDS) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.parametrize("output", ["plain", "table", "jsonl"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_reader_that_does_not_read_cannot_hold_it(
    output: str, number: signal.Signals
) -> None:
    """Its first word meets a pipe that is full; the signal comes before or after."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    with started("--output", output, stdout=writer) as process:
        os.close(writer)
        while not (programs := programs_of(process.pid)):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(SECONDS) == 1
        assert process.stderr is not None
        message = process.stderr.read()
    os.close(reader)
    assert message.startswith("ebpftrace: the end of the output is lost\n")
    assert "  fix: " in message
    assert_gone(programs)


def test_interrupted_twice_it_does_not_wait_for_its_own_end() -> None:
    """The second Ctrl-C is what `Waiting` makes of it: KeyboardInterrupt, from anywhere."""
    script = """
from ebpftrace.cli import watch
def interrupted(*_): raise KeyboardInterrupt
watch.run = interrupted
from ebpftrace.__main__ import main
main()
"""
    done = ebpftrace("watch", python=[sys.executable, "-c", script])
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "\nebpftrace: interrupted\n"


def test_a_terminal_that_hangs_up_ends_it() -> None:
    ours, theirs = pty.openpty()
    with started("--interval", "100ms", stdout=theirs, start_new_session=True) as process:
        os.close(theirs)
        assert os.read(ours, 1)
        os.close(ours)
        assert process.wait(SECONDS) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_it_ends_with_the_last_process_that_was_named() -> None:
    with Workload(unique_comm()) as workload, Watch("--pid", str(workload.pid)) as watch:
        assert process_of(watch.next_snapshot(), workload.pid)
        workload.close_input()
        ended = watch.ended()
    assert ended.code == 0
    assert ended.records[-1]["reason"] == "every named process has ended"


def test_it_ends_with_the_last_cgroup_that_was_named() -> None:
    with memory_cgroup() as group, memory_cgroup() as other:
        names = ("--cgroup", group.name, "--cgroup", str(other.path))
        with Watch(*names, "--interval", "200ms") as watch:
            with Workload(unique_comm(), cgroup=group) as workload:
                process_of(watch.next_snapshot(), workload.pid)
            group.remove()
            assert watch.next_snapshot()["type"] == "snapshot"  # one is left
            other.remove()
            ended = watch.ended()
    assert ended.code == 0
    assert ended.records[-1]["reason"] == "every named cgroup is gone"
    (job,) = ended.records[-1]["jobs"]
    assert (job["cgroup"], job["state"]) == (group.name, "gone")
