import os
from pathlib import Path

import pytest

from ebpftrace.errors import UntrustedError
from ebpftrace.trusted.exports import open_export, require_export_folder

OTHER = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused a place")


def written(file: Path, text: str) -> str:
    with os.fdopen(open_export("the output", file), "w") as opened:
        opened.write(text)
    return file.read_text("utf-8")


def test_file_is_made_and_emptied_as_a_shell_does(tmp_path: Path) -> None:
    file = tmp_path / "out"
    mask = os.umask(0o022)
    try:
        assert written(file, "long") == "long"
        assert file.stat().st_mode & 0o777 == 0o644
        assert written(file, "a") == "a"
        (tmp_path / "link").symlink_to(file)
        assert written(tmp_path / "link", "linked") == "linked"
    finally:
        os.umask(mask)


@AS_ROOT
def test_root_writes_nothing_by_a_link_of_another_user(tmp_path: Path) -> None:
    victim, theirs = tmp_path / "victim", tmp_path / "theirs"
    victim.write_text("secret")
    theirs.mkdir(mode=0o755)
    os.chown(theirs, OTHER, OTHER)
    (theirs / "out").symlink_to(victim)
    with pytest.raises(UntrustedError, match="the output"):
        open_export("the output", theirs / "out")
    with pytest.raises(UntrustedError):
        require_export_folder("the frame saved in", theirs)
    require_export_folder("the frame saved in", tmp_path)
    assert victim.read_text() == "secret"


@AS_ROOT
def test_ordinary_user_writes_where_the_shell_would(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    theirs.chmod(0o777)
    child = os.fork()
    if child == 0:
        try:
            os.chdir(theirs)  # the folders above it are root's alone
            os.setresgid(OTHER, OTHER, OTHER)
            os.setresuid(OTHER, OTHER, OTHER)
            require_export_folder("the frame saved in", Path())
            os._exit(0 if written(Path("out"), "text") == "text" else 1)
        except BaseException:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("name", ["/dev/null", "/dev/fd/{}", "/proc/self/fd/{}"])
def test_devices_and_own_descriptors_are_outputs(name: str) -> None:
    reader, writer = os.pipe()
    try:
        opened = open_export("the output", Path(name.format(writer)))
        assert os.write(opened, b"line") == 4
        os.close(opened)
    finally:
        os.close(reader)
        os.close(writer)


def test_pipe_is_an_output_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError):  # without a reader
        open_export("the output", tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.close(open_export("the output", tmp_path / "pipe"))
    finally:
        os.close(reader)
