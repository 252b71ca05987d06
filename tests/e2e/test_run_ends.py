"""However a command ends or is driven, it is the same with `ebpftrace run` before it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

import pytest

from tests.support.build import ROOT
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.patience import patient
from tests.support.tmux import NEEDS_TMUX, Tmux

pytestmark = pytest.mark.kernel

SECONDS = patient(60.0)
RUN = (sys.executable, "-P", "-m", "ebpftrace", "run", "--quiet", "--")
ENDING = [
    signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGILL, signal.SIGTRAP,
    signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGKILL, signal.SIGUSR1,
    signal.SIGSEGV, signal.SIGUSR2, signal.SIGPIPE, signal.SIGALRM, signal.SIGTERM,
    signal.SIGXCPU, signal.SIGXFSZ, signal.SIGVTALRM, signal.SIGPROF, signal.SIGIO,
    signal.SIGSYS, signal.SIGRTMIN + 3, signal.SIGRTMAX,
]  # fmt: skip
SCRIPTS = {
    "code 0": ("exit 0", 0),
    "code 1": ("exit 1", 1),
    "code 255": ("exit 255", 255),
    "not found": ("exec /nonexistent/program", 127),
    "reads all of stdin": ("wc -c", 0),
    "reads a line of stdin": ('read line; echo "$line"', 0),
    "stdin is closed": ("exec 0<&-; cat; exit 11", 11),
    "writes to both": ("echo out; echo err >&2", 0),
    "arguments stay": ("printf '%s|' \"$@\"", 0),
    "environment stays": ('echo "$HOME $EBPFTRACE_TEST"; env | grep -c PATH=', 0),
    "folder stays": ("pwd", 0),
    "umask stays": ("umask", 0),
    "signals have their defaults": ("grep -E 'Sig(Ign|Blk)' /proc/self/status", 0),
    "an open descriptor stays": ("echo there >&7", 0),
    "a child outlives it": ("(sleep 0.2; echo late) & exit 3", 3),
    "a daemon outlives it": ("setsid sh -c 'sleep 0.2; echo late' & exit 4", 4),
    "a grandchild is orphaned": ("sh -c 'sh -c \"sleep 0.2; echo late\" & exit 0'; exit 5", 5),
    "executes another": ("exec sh -c 'exit 6'", 6),
    "starts 1,000 programs": ("i=0; while [ $i -lt 1000 ]; do /bin/true; i=$((i+1)); done", 0),
    "starts 10,000 children": (
        "exec perl -e 'for (1..10000) { my $p = fork // die; $p or exit 0 } 1 while wait > 0'",
        0,
    ),
    "stops itself and is continued": ("(sleep 0.3; kill -CONT $$) & kill -STOP $$; echo on", 0),
    "ignores SIGTERM": ("trap '' TERM; kill -TERM $$; echo alive", 0),
    "handles SIGTERM": ("trap 'echo got; exit 9' TERM; kill -TERM $$; sleep 5", 9),
    "a pipeline": ("yes | head -3", 0),
    "a reader that leaves": ("exec yes", -signal.SIGPIPE),
}
NO_CORE = "ulimit -c 0; "


def command(script: str) -> list[str]:
    return ["sh", "-c", script, "sh", "a b", "", "--help", "$HOME"]


def ended(group: MemoryCgroup, argv: Sequence[str]) -> tuple[int, bytes, bytes]:
    reader, writer = os.pipe()
    try:
        done = subprocess.run(
            group.inside(["bash", "-c", f'exec 7>&{writer}; exec "$@"', "sh", *argv]),
            input=b"one\ntwo\n", capture_output=True, timeout=SECONDS, check=False, cwd=ROOT,
            env=os.environ | {"EBPFTRACE_TEST": "x y"}, pass_fds=(writer,),
        )  # fmt: skip
        os.close(writer)
        writer = -1
        return done.returncode, done.stdout + os.read(reader, 100), done.stderr
    finally:
        os.close(reader)
        if writer >= 0:
            os.close(writer)


def left_alone(group: MemoryCgroup, argv: Sequence[str]) -> tuple[int, bytes, bytes]:
    """Its reader takes some bytes and leaves."""
    process = group.run(argv, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert process.stdout is not None
    taken = process.stdout.read(4)
    process.stdout.close()
    return process.wait(SECONDS), taken, b""


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_ends_and_prints_as_without(name: str) -> None:
    script, code = SCRIPTS[name]
    argv = command(script)
    see = left_alone if name == "a reader that leaves" else ended
    with memory_cgroup() as group:
        without = see(group, argv)
        assert without[0] == code, without
        assert see(group, [*RUN, *argv]) == without


@pytest.mark.parametrize("number", ENDING)
def test_command_that_a_signal_ends_ends_it_by_that_signal(number: int) -> None:
    with memory_cgroup() as group:
        argv = command(f"{NO_CORE}kill -{int(number)} $$; sleep 5")
        assert ended(group, [*RUN, *argv])[0] == -number


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGINT]
)
def test_signal_sent_to_it_reaches_the_command(number: int) -> None:
    name = signal.Signals(number).name.removeprefix("SIG")
    script = f"trap 'echo got; exit 7' {name}; echo ready; while :; do sleep 0.05; done"
    with (
        memory_cgroup() as group,
        group.run([*RUN, *command(script)], stdout=subprocess.PIPE) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.stdout.read() == b"got\n"
        assert process.wait(SECONDS) == 7


def test_command_that_cannot_be_executed_ends_as_in_a_shell() -> None:
    with memory_cgroup() as group:
        code, _, said = ended(group, [*RUN, "/nonexistent/program"])
        assert (code, said) == (
            127, b"ebpftrace: /nonexistent/program: No such file or directory\n",
        )  # fmt: skip
        code, _, said = ended(group, [*RUN, "/etc/passwd"])
        assert (code, said) == (126, b"ebpftrace: /etc/passwd: Permission denied\n")


def test_timeout_ends_the_command_and_then_all_of_it() -> None:
    options = (*RUN[:-1], "--timeout", "500ms", "--")
    with memory_cgroup() as group:
        assert ended(group, [*options, "sleep", "100"])[0] == 124
        stubborn = command(
            "trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep 1000' & sleep 1000"
        )
        assert ended(group, [*options, *stubborn])[0] == 124
        while group_pids(group):  # they end once they are killed
            time.sleep(0.05)


def group_pids(group: MemoryCgroup) -> list[str]:
    return [
        pid for file in group.path.rglob("cgroup.procs") for pid in file.read_text().split()
    ]


@NEEDS_TMUX
def test_shell_controls_it_as_a_job() -> None:
    script = "trap 'echo interrupted' INT; echo ready; read line; echo \"read $line\"; exit 8"
    with memory_cgroup() as group, Tmux(80, 20) as terminal:
        terminal.run(group.inside([*RUN, "sh", "-c", script]))
        terminal.expect("ready")
        terminal.press("C-z")
        terminal.expect("Stopped")
        terminal.press("fg", "Enter")
        terminal.press("some words", "Enter")
        terminal.expect("read some words")
        terminal.press("echo code=$?", "Enter")
        terminal.expect("code=8")
        terminal.run(group.inside([*RUN, "sleep", "1000"]))
        terminal.expect(lambda _: group_pids(group)[1:])
        time.sleep(0.2)
        terminal.press("C-c")
        terminal.press("echo code=$?", "Enter")
        terminal.expect("code=130")
