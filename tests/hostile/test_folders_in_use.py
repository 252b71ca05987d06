"""A user changes the folders that a watch uses while it uses them; other jobs are protected."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from ebpftrace.act.audit.log import SIZE_BYTES
from ebpftrace.errors import UntrustedError
from tests.support.acting import SECONDS, logged
from tests.support.cgroups import memory_cgroup
from tests.support.cli import ebpftrace
from tests.support.delegation import UNPRIVILEGED, delegate, run_as_user, running_as_user
from tests.support.names import unique_comm
from tests.support.protection import protected_watch
from tests.support.records import Record
from tests.support.swaps import swapping
from tests.support.workload import Workload

pytestmark = pytest.mark.kernel

HOSTILE = unique_comm()
RUNS = 3
OPTIONS = ("--comm", HOSTILE, "--interval", "200ms")
POLICY = """
[[policy]]
name = "hostile"
match.comm = "{comm}"
grace = "0s"
cooldown = "0s"
capture = false
when = [{{ detector = "level", bound = "16MiB", of = "process" }}]
then = [{steps}]
"""


def is_outcome_of(pid: int) -> Callable[[Record], bool]:
    return lambda it: it["type"] == "outcome" and it["pid"] == pid


def is_remark(*words: str) -> Callable[[Record], bool]:
    return lambda it: it["type"] == "remark" and all(word in it["text"] for word in words)


def test_what_a_policy_writes_by_a_path_of_the_user_s_is_written_nowhere(
    tmp_path: Path, home: Path, shared: Path, elsewhere: Path, victim: Path
) -> None:
    """Neither evidence nor facts, into a folder that is swapped or through a link."""
    run_as_user("ln", "-s", elsewhere, home / "link")
    run_as_user("ln", "-s", victim, home / "facts")
    captures = (home / "log", shared / "log", home / "link", home / "new/inner")
    notes = (home / "log/file", shared / "log/file", home / "facts", home / "new")
    steps = [
        *(f'{{ action = "capture", folder = "{folder}" }}' for folder in captures),
        *(f'{{ action = "notify", file = "{file}" }}' for file in notes),
    ]
    policy = POLICY.format(comm=HOSTILE, steps=", ".join(steps))
    with (
        swapping(home, elsewhere),
        swapping(shared, elsewhere),
        protected_watch(tmp_path, *OPTIONS, policies=policy) as protection,
        memory_cgroup() as group,
    ):
        delegate(group)
        for _ in range(RUNS):
            with Workload(HOSTILE, cgroup=group, unprivileged=True) as process:
                process.do("map 24MiB")
                process.do("touch 0")
                protection.watch.wait_for(is_outcome_of(process.pid), SECONDS)
        protection.verify()
        refused = protection.of_attack("step")
    assert len(refused) >= RUNS * len(steps)
    assert {step["status"] for step in refused} == {"failed"}
    for step in refused:
        assert f"belongs to uid {UNPRIVILEGED}" in step["detail"] or (
            "not a regular file" in step["detail"]
        ), step["detail"]
    assert sorted(entry.name for entry in home.iterdir()) == [
        "facts",
        "link",
        "log",
        "log.link",
    ]


def test_audit_log_and_policies_of_a_folder_that_the_user_put_in_its_place_are_not_used(
    tmp_path: Path, shared: Path, elsewhere: Path
) -> None:
    """As one can where something removes what is old in a folder as /tmp is."""
    folder, ran = shared / "log", tmp_path / "ran"
    folder.mkdir(mode=0o755)
    forged = tmp_path / "forged"
    forged.mkdir()
    touch = f'{{ action = "exec", command = ["/usr/bin/touch", "{ran}"] }}'
    (forged / "policy.toml").write_text(POLICY.format(comm="*", steps=touch))
    for name in ("audit.jsonl", "audit.jsonl.1"):
        (forged / name).write_text("{}\n")
    with protected_watch(folder, *OPTIONS) as protection:
        watch = protection.watch
        folder.rename(shared / "old")
        with swapping(shared, elsewhere, forged=forged):
            watch.process.send_signal(signal.SIGHUP)
            watch.wait_for(is_remark("not obeyed", f"belongs to uid {UNPRIVILEGED}"), SECONDS)
            protection.works()
            watch.wait_for(is_remark("the audit log cannot be written", "belongs to"), SECONDS)
        (shared / "log.link").rename(shared / "away")
        folder.rename(shared / "log.link")
        (shared / "old").rename(folder)
        protection.ends()
    assert not ran.exists()
    user_s = shared / ("log.link" if (shared / "away").is_symlink() else "away")
    assert contents(user_s) == contents(forged)
    assert {line["policy"] for line in logged(folder, "step")} == {"protect", "stop"}


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


FORGE = """
import os, sys
os.chdir(sys.argv[1])
print("ready", flush=True)
while True:
    for name in ("audit.jsonl.1", "audit.jsonl.2", "audit.jsonl.3", "audit.jsonl.new"):
        try:
            with open(name, "x") as file:
                file.write("{}\\n")
        except OSError:
            pass
"""


@contextmanager
def forging(folder: Path) -> Iterator[None]:
    """The user makes older files of an audit log, and the next one, as often as they lack."""
    with running_as_user(["/usr/bin/python3", "-c", FORGE, folder]):
        yield


def test_audit_log_is_written_on_beside_older_files_that_the_user_forges(shared: Path) -> None:
    log = shared / "audit.jsonl"
    log.write_text(f'{{"type":"{"x" * 1000}"}}\n' * (SIZE_BYTES // 1012))
    log.chmod(0o600)
    with protected_watch(shared, *OPTIONS) as protection, forging(shared):
        protection.verify()
    for file in (log, shared / "audit.jsonl.1"):
        assert file.stat().st_uid == 0
    assert (shared / "audit.jsonl.1").stat().st_size > SIZE_BYTES // 2
    assert {line["policy"] for line in logged(shared, "step")} == {"protect", "stop"}
    done = ebpftrace("watch", "--level", "64MiB", "--audit", str(log), "--duration", "1s")
    assert done.returncode == UntrustedError.exit_code
    assert "audit.jsonl." in done.stderr


def with_cache(folder: Path) -> Callable[[Sequence[str]], Sequence[str]]:
    return lambda argv: ["env", f"EBPFTRACE_CACHE_DIR={folder}", *argv]


@pytest.fixture(scope="module")
def forged_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a watch of these options keeps, with a program that no kernel can attach."""
    folder = tmp_path_factory.mktemp("cache")
    for each in (folder, *folder.parents):
        if not each.stat().st_mode & 0o001:
            each.chmod(0o755)
    (own := folder / "own").mkdir(mode=0o700)
    (forged := folder / "forged").mkdir()
    with protected_watch(folder, *OPTIONS, wrapper=with_cache(own)) as protection:
        protection.verify()
    for file in own.iterdir():
        kept = file.read_bytes().replace(b'"programs": {', b'"programs": {"on_none": "", ')
        (forged / file.name).write_bytes(kept)
    assert list(forged.glob("*.objects"))
    return forged


@pytest.mark.parametrize("name", ["home", "shared"])
def test_watch_protects_without_the_cache_that_the_user_forges(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    elsewhere: Path,
    forged_cache: Path,
    name: str,
) -> None:
    folder: Path = request.getfixturevalue(name)
    with (
        swapping(folder, elsewhere, forged=forged_cache),
        protected_watch(tmp_path, *OPTIONS, wrapper=with_cache(folder / "log")) as protection,
    ):
        protection.verify()
    (user_s,) = (it for it in folder.iterdir() if it.is_dir() and not it.is_symlink())
    assert contents(user_s) == contents(forged_cache)
