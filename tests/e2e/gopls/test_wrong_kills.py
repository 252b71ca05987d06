"""Real gopls, its crash monitor and the go command below it: which of them end with it.

The go command here hangs for ever, as one does that waits for a network: it is certain to
run when gopls is ended.
"""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from ebpftrace.golang.telemetry import is_crash_monitor
from ebpftrace.host import proc
from tests.support.acting import SECONDS, is_step, is_type, logged, policy, watching
from tests.support.cgroups import MemoryCgroup, memory_cgroup
from tests.support.gopls_install import GoplsMissingError, gopls_binary, gopls_environment
from tests.support.privileges import required
from tests.support.process_state import until
from tests.support.sessions import end_session, session_mark

VERSION = "v0.24.0"  # the older one starts no monitor


def messages(folder: Path) -> bytes:
    """What an editor sends first, without waiting for an answer."""
    params: dict[str, object] = {
        "processId": None,
        "rootUri": folder.as_uri(),
        "capabilities": {},
    }
    stream = b""
    for message in (
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params},
        {"jsonrpc": "2.0", "method": "initialized", "params": {}},
    ):
        body = json.dumps(message).encode()
        stream += b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    return stream


def waited_for(group: MemoryCgroup, *, monitor: bool) -> int:
    """The pid of the crash monitor in the cgroup, or of a go command."""
    deadline = time.monotonic() + SECONDS
    while True:
        for pid in group.pids():
            args = proc.read_cmdline(pid) or ()
            if is_crash_monitor(args) if monitor else proc.read_comm(pid) == "go":
                return pid
        assert time.monotonic() < deadline, [proc.read_cmdline(pid) for pid in group.pids()]
        time.sleep(0.02)


def test_the_go_command_ends_with_gopls_and_the_monitor_is_left_alone(tmp_path: Path) -> None:
    try:
        binary, environment = gopls_binary(VERSION), gopls_environment(VERSION)
    except GoplsMissingError as error:
        if required("gopls"):
            pytest.fail(f"EBPFTRACE_REQUIRE_GOPLS=1, but {error}", pytrace=False)
        pytest.skip(str(error))
    module, hanging = tmp_path / "module", tmp_path / "bin"
    for folder in (module, hanging):
        folder.mkdir()
    (module / "go.mod").write_text("module example.com/m\n\ngo 1.21\n")
    (hanging / "go").write_text("#!/bin/sh\nwhile :; do sleep 0.2; done\n")
    (hanging / "go").chmod(0o755)
    hook = f"while ! [ -e {tmp_path}/go ]; do sleep 0.02; done; exit 1"
    mark = session_mark()
    environment = {**environment, **mark, "GOPLSCACHE": str(tmp_path / "cache"),
                   "PATH": f"{hanging}{os.pathsep}{environment['PATH']}"}  # fmt: skip
    with memory_cgroup() as group:
        file = policy(
            tmp_path, f'match.cgroup = "{group.name}"', 'cooldown = "0s"', comm="gopls",
            when='{ detector = "level", bound = "1MiB" }',
            then=f"{{ action = 'shell', line = '{hook}' }}, {{ action = 'signal' }}",
        )  # fmt: skip
        options = ("--config", str(file), "--cgroup", group.name)
        with watching(tmp_path, *options, comm="gopls") as watch:
            gopls = group.run(
                [binary, "serve"], cwd=module, env=environment, start_new_session=True,
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            try:
                assert gopls.stdin is not None
                gopls.stdin.write(messages(module))
                gopls.stdin.flush()
                go, monitor = (waited_for(group, monitor=one) for one in (False, True))
                os.kill(monitor, signal.SIGSTOP)  # else it ends by itself, after gopls
                (tmp_path / "go").touch()
                step = watch.wait_for(is_step("signal"), SECONDS)
                gopls.wait(SECONDS)
                watch.wait_for(is_type("outcome"), SECONDS)
                # What it holds alone is over the bound: that it is the monitor keeps it.
                until(lambda: logged(tmp_path, "suppressed"))
                state = proc.read_stat(monitor)
                assert state is not None
                assert state.state == "T"
                left = [proc.read_comm(pid) for pid in group.pids()]
            finally:
                assert gopls.stdin is not None
                gopls.stdin.close()
                end_session(gopls, mark)
    assert step["pid"] == gopls.pid
    assert step["status"] == "done"
    assert "with 1 descendant" in step["detail"]
    assert "go" not in left, (go, left)
    assert {line["facts"]["pid"] for line in logged(tmp_path, "incident")} == {gopls.pid}
    whys = {line["reason"] for line in logged(tmp_path, "suppressed")}
    assert whys == {"the policy matches none of its processes"}
