import grp
import os
from types import SimpleNamespace

import pytest

from ebpftrace.trusted.rules import file_reason, folder_reason, trusted_users


def status(mode: int = 0o40755, uid: int = 0, gid: int = 0, links: int = 1) -> os.stat_result:
    return os.stat_result((mode, 1, 1, links, uid, gid, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("caller", "euid", "trusted"),
    [
        ("1000", 0, {0, 1000}),
        ("", 0, {0}),
        ("-1", 0, {0}),
        ("root", 0, {0}),
        ("1000", 1001, {0, 1001}),  # an ordinary user may set the variable to anything
    ],
)
def test_root_the_user_and_the_caller_of_sudo_are_trusted(
    monkeypatch: pytest.MonkeyPatch, caller: str, euid: int, trusted: set[int]
) -> None:
    monkeypatch.setenv("SUDO_UID", caller)
    monkeypatch.setattr(os, "geteuid", lambda: euid)
    assert trusted_users() == trusted


@pytest.mark.parametrize(
    ("mode", "sticky", "trusted"),
    [
        (0o40755, False, True),
        (0o40700, False, True),
        (0o41777, False, False),
        (0o41777, True, True),
        (0o41775, True, True),
        (0o40777, True, False),
        (0o40775, True, False),
    ],
)
def test_folder_is_trusted_by_its_mode(mode: int, sticky: bool, trusted: bool) -> None:
    assert (folder_reason(status(mode), "/x", sticky=sticky) == "") is trusted


@pytest.mark.parametrize(
    ("path", "mode", "group", "trusted"),
    [
        ("/var/log", 0o40775, "syslog", True),
        ("/var/log", 0o40777, "syslog", False),
        ("/var/log", 0o40775, "runner", False),
        ("/var/log/ebpftrace", 0o40775, "syslog", False),
        ("/x/var/log", 0o40775, "syslog", False),
    ],
)
def test_log_folder_of_ubuntu_is_trusted(
    monkeypatch: pytest.MonkeyPatch, path: str, mode: int, group: str, trusted: bool
) -> None:
    monkeypatch.setattr(grp, "getgrgid", lambda _gid: SimpleNamespace(gr_name=group))
    assert (folder_reason(status(mode, gid=104), path, sticky=True) == "") is trusted


@pytest.mark.parametrize(
    ("mode", "uid", "links", "trusted"),
    [
        (0o100644, 0, 1, True),
        (0o100644, 4711, 1, False),
        (0o100664, 0, 1, False),
        (0o100646, 0, 1, False),
        (0o100644, 0, 2, False),
        (0o20620, 4711, 1, True),  # a terminal belongs to the user who logged in
        (0o20666, 0, 1, True),  # /dev/null
        (0o10644, 4711, 1, False),  # a FIFO
    ],
)
def test_file_is_trusted_by_owner_mode_and_links(
    mode: int, uid: int, links: int, trusted: bool
) -> None:
    found = status(mode, uid, links=links)
    assert (file_reason(found, may_be_linked=False) == "") is trusted
    if links == 2:
        assert file_reason(found, may_be_linked=True) == ""
