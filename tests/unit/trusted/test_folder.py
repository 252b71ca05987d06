"""Attacks on each part of a path that root opens: it opens what it should, or nothing."""

import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from ebpftrace.errors import UntrustedError
from ebpftrace.trusted import TrustedFolder, open_trusted

OTHER = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir(mode=0o755)
    return made


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file of root's that an attacker would have it write to."""
    file = tmp_path / "victim"
    file.write_text("secret")
    file.chmod(0o600)
    return file


def content(file: Path, flags: int = os.O_RDONLY) -> str:
    with os.fdopen(open_trusted("the file", file, flags), "r") as opened:
        return opened.read()


def refused(file: Path, flags: int = APPEND) -> str:
    with pytest.raises(UntrustedError) as caught:
        os.close(open_trusted("the file", file, flags))
    assert caught.value.fix
    return caught.value.why


def test_own_file_in_own_folder_is_opened(folder: Path) -> None:
    fd = open_trusted("the file", folder / "new", APPEND)
    try:
        os.write(fd, b"line")
        assert stat.S_IMODE(os.fstat(fd).st_mode) == 0o600
    finally:
        os.close(fd)
    assert content(folder / "new") == "line"
    assert content(folder / "../folder/./new") == "line"


def test_relative_path_is_below_the_working_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "file").write_text("here")
    monkeypatch.chdir(folder.parent)
    assert content(Path("folder/file")) == "here"
    folder.chmod(0o777)
    assert f"{folder} is writable by everyone" in refused(Path("folder/file"))
    monkeypatch.chdir(folder)
    assert f"{folder} is writable by everyone" in refused(Path("file"))


@pytest.mark.parametrize("mode", [0o775, 0o777, 0o2775, 0o757])
@pytest.mark.parametrize("below", ["file", "inner/file", "a/b/c/file"])
def test_any_folder_on_the_path_that_others_may_write_is_refused(
    folder: Path, mode: int, below: str
) -> None:
    (folder / below).parent.mkdir(parents=True, exist_ok=True)
    folder.chmod(mode)
    assert str(folder) in refused(folder / below)
    assert not (folder / below).exists()


@AS_ROOT
@pytest.mark.parametrize("below", ["file", "inner/file"])
def test_any_folder_on_the_path_of_another_user_is_refused(folder: Path, below: str) -> None:
    (folder / below).parent.mkdir(parents=True, exist_ok=True)
    os.chown(folder, OTHER, OTHER)
    assert refused(folder / below) == f"{folder} belongs to uid {OTHER}"


@AS_ROOT
def test_file_of_another_user_is_refused(folder: Path) -> None:
    file = folder / "file"
    file.write_text("forged", "utf-8")
    os.chown(file, OTHER, OTHER)
    assert refused(file, os.O_RDONLY) == f"{file} belongs to uid {OTHER}"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_file_that_others_may_write_is_refused(folder: Path, mode: int) -> None:
    file = folder / "file"
    file.write_text("forged", "utf-8")
    file.chmod(mode)
    assert f"with the mode {mode:04o}" in refused(file, os.O_RDONLY)


def test_file_that_an_access_control_list_opens_is_refused(folder: Path) -> None:
    file = folder / "file"
    file.write_text("forged", "utf-8")
    user, group, other, mask = 1, 4, 0x20, 0x10
    entries = [(user, 6, 0), (2, 6, OTHER), (group, 4, 0), (mask, 6, 0), (other, 4, 0)]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(file, "system.posix_acl_access", acl)
    except OSError as error:
        pytest.skip(f"this file system has no access control lists: {error}")
    assert "with the mode 0664" in refused(file, os.O_RDONLY)


def test_link_of_a_trusted_user_is_followed_where_a_file_is_read(
    folder: Path, tmp_path: Path
) -> None:
    """As Kubernetes mounts a ConfigMap: policy.toml → ..data/policy.toml → a folder."""
    (folder / "..2026").mkdir(mode=0o755)
    (folder / "..2026/policy.toml").write_text("mounted")
    (folder / "..data").symlink_to("..2026")
    (folder / "policy.toml").symlink_to("..data/policy.toml")
    assert content(folder / "policy.toml") == "mounted"
    (tmp_path / "absolute").symlink_to(folder)
    assert content(tmp_path / "absolute/policy.toml") == "mounted"
    (folder / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links"):
        content(folder / "loop")


@AS_ROOT
@pytest.mark.parametrize("which", ["file", "parent"])
def test_link_of_another_user_is_refused(folder: Path, victim: Path, which: str) -> None:
    """Its owner could make another one in its place, wherever it is."""
    link = folder / which
    link.symlink_to(victim if which == "file" else victim.parent)
    os.chown(link, OTHER, OTHER, follow_symlinks=False)
    path = link if which == "file" else link / victim.name
    assert refused(path) == f"{link} belongs to uid {OTHER}"
    assert victim.read_text("utf-8") == "secret"


def test_link_to_a_folder_of_others_is_refused(folder: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    theirs.chmod(0o777)
    (folder / "link").symlink_to("../theirs")
    assert refused(folder / "link/file").startswith(str(theirs))


@pytest.fixture
def sticky(tmp_path: Path) -> Path:
    """As /tmp is: everyone may make entries, and no user removes those of another."""
    made = tmp_path / "sticky"
    made.mkdir()
    made.chmod(0o1777)
    return made


def link(file: Path, victim: Path) -> None:
    file.symlink_to(victim)
    os.chown(file, OTHER, OTHER, follow_symlinks=False)


def hard_link(file: Path, victim: Path) -> None:
    file.hardlink_to(victim)


def forged(file: Path, _victim: Path) -> None:
    file.write_text("forged", "utf-8")
    os.chown(file, OTHER, OTHER)


def pipe(file: Path, _victim: Path) -> None:
    os.mkfifo(file)
    os.chown(file, OTHER, OTHER)


@AS_ROOT
@pytest.mark.parametrize("flags", [os.O_RDONLY, APPEND, os.O_RDWR | os.O_TRUNC])
@pytest.mark.parametrize("attack", [link, hard_link, forged, pipe])
def test_what_others_put_into_a_sticky_folder_is_refused(
    sticky: Path, victim: Path, flags: int, attack: Callable[[Path, Path], None]
) -> None:
    file = sticky / "file"
    attack(file, victim)
    with pytest.raises((UntrustedError, OSError)):
        os.close(open_trusted("the file", file, flags))
    assert victim.read_text("utf-8") == "secret"


@AS_ROOT
def test_own_entries_of_a_sticky_folder_are_used(sticky: Path) -> None:
    os.close(open_trusted("the file", sticky / "file", APPEND))
    (sticky / "inner").mkdir(mode=0o755)
    os.close(open_trusted("the file", sticky / "inner/file", APPEND))
    os.chown(sticky / "inner", OTHER, OTHER)
    assert refused(sticky / "inner/file").startswith(str(sticky / "inner"))
    os.chown(sticky, OTHER, OTHER)  # its owner may rename every entry
    assert refused(sticky / "file") == f"{sticky} belongs to uid {OTHER}"


def test_folder_that_must_be_ours_alone_is_not_a_sticky_one(sticky: Path) -> None:
    with pytest.raises(UntrustedError, match="the evidence in"):
        TrustedFolder.open("the evidence in", sticky)
    TrustedFolder.open("the evidence in", sticky, sticky=True).close()
    with TrustedFolder.open("the evidence in", sticky / "a/b", make=True) as made:
        assert stat.S_IMODE(os.fstat(made.fd).st_mode) == 0o700


def test_hard_link_in_a_folder_of_ours_is_only_read(folder: Path, victim: Path) -> None:
    """Deployments link files that are alike; no other user can make a link there."""
    (folder / "file").hardlink_to(victim)
    assert content(folder / "file") == "secret"
    assert "hard link" in refused(folder / "file", os.O_WRONLY | os.O_TRUNC)
    assert victim.read_text("utf-8") == "secret"


def test_pipe_and_folder_are_no_files(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(OSError):
            open_trusted("the file", folder / name, os.O_RDONLY)
    os.close(open_trusted("the file", folder / "pipe", os.O_RDONLY, pipes=True))


def test_last_part_is_not_followed_by_a_folder_that_was_opened(
    folder: Path, victim: Path
) -> None:
    """The file is replaced after the folder was looked at."""
    with TrustedFolder.open("the audit log", folder) as opened:
        (folder / "file").symlink_to(victim)
        with pytest.raises(UntrustedError) as caught:
            opened.open_file("file", APPEND)
        assert caught.value.why == f"{folder / 'file'} is a symbolic link"
    assert victim.read_text("utf-8") == "secret"


def test_folder_that_is_replaced_after_it_was_opened_is_noticed(folder: Path) -> None:
    with TrustedFolder.open("the audit log", folder) as opened:
        fd = opened.open_file("file", APPEND)
        assert opened.is_in_place()
        folder.rename(folder.with_name("before"))
        folder.mkdir()
        assert not opened.is_in_place()
        assert os.path.samestat(opened.stat("file"), os.fstat(fd))
        opened.rename("file", "file.1")
        os.close(fd)
        assert opened.names() == ["file.1"]
        opened.unlink("file.1")
        opened.unlink("file.1")
        assert opened.names() == []
    assert list(folder.iterdir()) == []


def test_descriptors_are_closed(folder: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    folder.chmod(0o777)
    for _ in range(3):
        refused(folder / "file")
        with pytest.raises(OSError):
            open_trusted("the file", folder.with_name("missing") / "file", APPEND)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
