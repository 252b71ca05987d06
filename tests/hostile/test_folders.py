"""An unprivileged user prepared the folders that root is then told to use: it refuses them."""

import json
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from ebpftrace.act.actions.capture import CaptureOptions, capture
from ebpftrace.errors import UntrustedError
from ebpftrace.trusted import open_trusted
from tests.support.cli import Done, ebpftrace
from tests.support.delegation import UNPRIVILEGED, run_as_user
from tests.support.incidents import incident
from tests.support.swaps import swapping

pytestmark = pytest.mark.kernel


def as_shell(script: str, *arguments: Path | str) -> None:
    run_as_user("sh", "-euc", script, "sh", *arguments)


def watch(*options: str | Path, **environment: str) -> Done:
    return ebpftrace(
        "watch", "--comm", "gopls", "--level", "64MiB", "--duration", "1s", "--no-config",
        "--output", "plain", *map(str, options), environment=environment,
    )  # fmt: skip


def is_refused(done: Done, *words: str) -> None:
    """With the exit code, what is wrong with which path, and what to do about it."""
    assert done.returncode == UntrustedError.exit_code, done.stderr
    for word in (*words, "fix:"):
        assert said(done, word)


def said(done: Done, words: str) -> bool:
    """Whether that is in its errors, which are wrapped."""
    return "".join(words.split()) in "".join(done.stderr.split())


def forged_undo(victim: Path) -> str:
    """Records of an incident that was not finished; its undo would overwrite the file."""
    clock = {"unix_ns": 1, "boottime_ns": 1, "boot": "-"}
    undo = {
        "description": "memory.high", "path": str(victim), "inode": victim.stat().st_ino,
        "value": "attacker::0:0", "targets": [],
    }  # fmt: skip
    records = [
        {"type": "incident", "incident": "1", "account": "x", **clock},
        {"type": "step", "incident": "1", "undo": undo, "refunded": False, **clock},
    ]
    return "".join(json.dumps(record) + "\n" for record in records)


@pytest.mark.parametrize("name", ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.3"])
def test_forged_undo_in_an_audit_log_is_not_run(shared: Path, victim: Path, name: str) -> None:
    as_shell('printf "%s" "$1" >"$2"', forged_undo(victim), shared / name)
    done = watch("--audit", shared / "audit.jsonl")
    is_refused(done, f"{shared / name} belongs to uid {UNPRIVILEGED}")


def test_forged_undo_in_an_own_audit_log_is_not_run(tmp_path: Path, victim: Path) -> None:
    """Even where the log could be trusted: only files of cgroups are written."""
    log = tmp_path / "audit.jsonl"
    log.write_text(forged_undo(victim), "utf-8")
    log.chmod(0o600)
    assert watch("--audit", log).returncode == 0
    assert "no file of a cgroup" in log.read_text("utf-8")


def test_audit_log_by_a_link_of_another_user_is_not_written(
    home: Path, shared: Path, victim: Path
) -> None:
    as_shell('ln -s "$1" "$2"; ln -s "$1" "$3"', victim, home / "log", shared / "log")
    is_refused(watch("--audit", home / "log"), f"{home} belongs to uid {UNPRIVILEGED}")
    is_refused(watch("--audit", shared / "log"), str(shared))


@pytest.mark.parametrize("name", ["home", "shared"])
def test_audit_log_below_a_folder_of_another_user_is_refused(
    request: pytest.FixtureRequest, name: str
) -> None:
    folder: Path = request.getfixturevalue(name)
    as_shell('mkdir -p "$1"', folder / "a/b")
    is_refused(watch("--audit", folder / "a/b/audit.jsonl"), "belongs to uid")
    assert list((folder / "a/b").iterdir()) == []


@pytest.mark.parametrize("change", ["chown", "group", "everyone", "folder"])
def test_policy_that_another_user_may_change_is_not_obeyed(
    tmp_path: Path, home: Path, change: str
) -> None:
    folder = home if change == "folder" else tmp_path
    file, ran = folder / "policy.toml", tmp_path / "ran"
    file.write_text(
        '[[policy]]\nname = "p"\nmatch.comm = "gopls"\n'
        'when = [{ detector = "level", bound = "64MiB" }]\n'
        f'then = [{{ action = "exec", command = ["/usr/bin/touch", "{ran}"] }}]\n',
        "utf-8",
    )
    file.chmod({"group": 0o664, "everyone": 0o666}.get(change, 0o644))
    if change == "chown":
        os.chown(file, UNPRIVILEGED, UNPRIVILEGED)
    for command in (("watch", "--comm", "gopls", "--config"), ("policy", "check")):
        is_refused(ebpftrace(*command, str(file)), "the policy file is not obeyed")
    assert not ran.exists()


def test_evidence_in_a_shared_folder_is_pushed_out_by_none_of_others(shared: Path) -> None:
    options = CaptureOptions(folder=shared, keep=1)
    for name in ("2020", "2099"):
        as_shell('mkdir "$1"; touch "$1/manifest.json"', shared / name)
    saved = capture(incident(), options, Event()).evidence
    assert saved is not None
    saved_later = capture(replace(incident(), id="later"), options, Event()).evidence
    assert saved_later is not None
    assert sorted(entry.name for entry in shared.iterdir()) == ["2020", "2099", "later"]


def test_folder_in_place_of_an_older_audit_log_is_explained(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl.1").mkdir(mode=0o700)
    done = watch("--audit", tmp_path / "audit.jsonl")
    assert done.returncode == 1
    assert said(done, f"{tmp_path}/audit.jsonl.1: Is a directory")


@pytest.mark.parametrize("option", ["--output", "--screenshot"])
def test_output_by_a_link_of_another_user_is_not_written(
    home: Path, victim: Path, option: str
) -> None:
    as_shell('ln -s "$1" "$2"', victim, home / "out.svg")
    value = f"jsonl:{home}/out.svg" if option == "--output" else f"{home}/out.svg"
    done = ebpftrace("watch", "--comm", "gopls", "--duration", "1s", option, value)
    is_refused(done, f"{home} belongs to uid {UNPRIVILEGED}")


def test_compiled_programs_of_another_user_are_not_loaded(home: Path, tmp_path: Path) -> None:
    """Also where the last folder is root's: its parent decides which one that is."""
    inner = home / "cache"
    inner.mkdir(mode=0o700)
    for folder in (home, inner):
        done = ebpftrace("compile", environment={"EBPFTRACE_CACHE_DIR": str(folder)})
        assert done.returncode != 0
        assert said(done, f"{home} belongs to uid {UNPRIVILEGED}")
    assert list(inner.iterdir()) == []


def test_history_below_a_folder_of_another_user_is_refused(home: Path) -> None:
    inner = home / "state"
    inner.mkdir(mode=0o700)
    done = ebpftrace("history", "--history", str(inner / "history.db"))
    assert done.returncode == 12
    assert said(done, "other users may write")
    assert list(inner.iterdir()) == []


def test_thaw_deletes_no_file_of_a_folder_that_another_user_named(
    home: Path, tmp_path: Path
) -> None:
    as_shell('touch "$1"; ln -s /etc/passwd "$2"', home / "1.sock", home / "2.sock")
    run = {"EBPFTRACE_RUN_DIR": str(home)}
    is_refused(ebpftrace("thaw", "--all", environment=run), "sockets of watches")
    assert sorted(file.name for file in home.iterdir()) == ["1.sock", "2.sock"]
    own = tmp_path / "run"
    own.mkdir(mode=0o700)
    for name in ("3.sock", "notes.sock"):
        (own / name).touch()
    assert (
        ebpftrace("thaw", "--all", environment={"EBPFTRACE_RUN_DIR": str(own)}).returncode == 9
    )
    assert sorted(file.name for file in own.iterdir()) == ["3.sock", "notes.sock"]


@pytest.mark.parametrize("name", ["home", "shared"])
def test_folder_that_is_swapped_all_the_time_is_never_written_through(
    request: pytest.FixtureRequest, elsewhere: Path, name: str
) -> None:
    folder: Path = request.getfixturevalue(name)
    with swapping(folder, elsewhere):
        for _ in range(3000):
            with suppress(UntrustedError, OSError):
                flags = os.O_WRONLY | os.O_CREAT
                os.close(open_trusted("the file", folder / "log/file", flags))
                pytest.fail("a file was opened")
