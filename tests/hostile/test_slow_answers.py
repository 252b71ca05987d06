"""What a user makes slow to send to or to read holds up a watch in nothing that it does."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from ebpftrace.act.policy.file import SIZE_LIMIT
from tests.support.acting import SECONDS
from tests.support.cgroups import memory_cgroup
from tests.support.cli import ebpftrace
from tests.support.delegation import delegate, run_as_user
from tests.support.names import unique_comm
from tests.support.protection import protected_watch
from tests.support.records import Record
from tests.support.rude_servers import A_BYTE_A_SECOND, rude_server
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

HOSTILE = unique_comm()
OPTIONS = ("--comm", HOSTILE, "--interval", "200ms")
POLICY = """
[[policy]]
name = "hostile"
match.comm = "{comm}"
grace = "0s"
capture = false
when = [{{ detector = "level", bound = "16MiB", of = "process" }}]
then = [
    {{ action = "notify", file = "{fifo}" }},
    {{ action = "notify", url = "http://127.0.0.1:{port}/", retries = 0 }},
]
"""


def test_webhook_that_trickles_and_a_fifo_without_a_reader_hold_up_nothing(
    tmp_path: Path, shared: Path
) -> None:
    fifo = shared / "fifo"
    run_as_user("mkfifo", fifo)
    with rude_server(A_BYTE_A_SECOND) as server:
        policy = POLICY.format(comm=HOSTILE, fifo=fifo, port=server.port)
        with (
            protected_watch(tmp_path, *OPTIONS, policies=policy) as protection,
            memory_cgroup() as group,
        ):
            delegate(group)
            with Workload(HOSTILE, cgroup=group, unprivileged=True) as process:
                process.do("map 24MiB")
                process.do("touch 0")
                protection.watch.wait_for(protection.is_of_attack("step"), SECONDS)
                protection.works()
                protection.watch.wait_for(
                    lambda _: len(protection.of_attack("step")) == 2, SECONDS
                )
                protection.ends()
            to_fifo, by_webhook = protection.of_attack("step")
    assert server.connections == 1
    assert (to_fifo["status"], by_webhook["status"]) == ("failed", "failed")
    assert any(why in to_fifo["detail"] for why in ("not a regular file", "belongs to uid"))
    assert "no answer within 10 s" in by_webhook["detail"]


SLOW_POLICIES = {
    "120 KB": "a." * 60_000 + "a = 1\n",
    "64 KiB": "a." * (SIZE_LIMIT // 2 - 8) + "a = 1\n",
    "64 KiB of a header": "[" + "a." * (SIZE_LIMIT // 2 - 8) + "a]\n",
}
"""The first was read for more than a minute. The steps of more kinds are counted in
tests/unit/act/policy/test_slow_files.py."""


@pytest.mark.parametrize("text", SLOW_POLICIES.values(), ids=SLOW_POLICIES)
def test_policy_file_that_is_slow_to_read_is_refused_and_leaves_the_old_one_in_force(
    tmp_path: Path, text: str
) -> None:
    slow = tmp_path / "slow.toml"
    slow.write_text(text)
    slow.chmod(0o644)
    for command in (("watch", "--config"), ("policy", "check")):
        done = ebpftrace(*command, str(slow))
        assert done.returncode not in (0, 1), done.stderr
        assert "slow.toml" in "".join(done.stderr.split())  # a long path is wrapped
    with protected_watch(tmp_path, *OPTIONS) as protection:
        Path(slow).replace(tmp_path / "policy.toml")
        protection.watch.process.send_signal(signal.SIGHUP)
        protection.watch.wait_for(is_remark("policy.toml"), SECONDS)
        protection.verify()


def is_remark(*words: str) -> Callable[[Record], bool]:
    return lambda it: it["type"] == "remark" and all(word in it["text"] for word in words)
