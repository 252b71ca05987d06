"""What a machine may lack, and what a user may get wrong, each with its exit code."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.build import ROOT
from tests.support.cgroups import memory_cgroup
from tests.support.cli import (
    NO_TRACEFS,
    SITE,
    assert_explained,
    assert_on_one_screen,
    ebpftrace,
    ebpftrace_as_nobody,
    without_capabilities,
    without_mounts,
)

pytestmark = pytest.mark.kernel

REFUSE = (sys.executable, "-m", "tests.support.refuse")
WATCH = ("watch", "--comm", "e2e-none", "--once")


def test_another_user_than_root() -> None:
    message = assert_explained(ebpftrace_as_nobody(*WATCH), 3)
    assert "it does not run as root" in message
    assert "sudo" in message


def test_root_without_the_capabilities() -> None:
    before = without_capabilities("bpf", "perfmon", "sys_admin")
    message = assert_explained(ebpftrace(*WATCH, before=before), 3)
    assert "CAP_PERFMON and CAP_BPF" in message
    assert "root;" not in message  # root it is


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (errno.ENOSYS, "built without CONFIG_BPF_SYSCALL"),
        (errno.EPERM, "a seccomp profile, kernel lockdown or sysctl forbids bpf(2)"),
    ],
)
def test_a_kernel_or_container_without_bpf(error: int, why: str) -> None:
    message = assert_explained(ebpftrace(*WATCH, before=(*REFUSE, str(error))), 4)
    assert why in message


def test_a_kernel_that_does_not_publish_its_types() -> None:
    before = without_mounts("mount -t tmpfs none /sys/kernel/btf")
    message = assert_explained(ebpftrace(*WATCH, before=before), 5)
    assert "/sys/kernel/btf/vmlinux" in message
    assert "CONFIG_DEBUG_INFO_BTF" in message


def test_mapping_calls_where_tracefs_can_be_neither_found_nor_mounted() -> None:
    """Where fentry or kprobes work, no tracefs is needed and the watch begins."""
    before = [*without_mounts(*NO_TRACEFS), *without_capabilities("sys_admin")]
    done = ebpftrace(*WATCH, "--mapping-calls", "--output", "jsonl", before=before)
    if done.returncode == 0:
        assert '"mapping calls":"fentry"' in done.stdout or '"kprobe"' in done.stdout
        return
    message = assert_explained(done, 6)
    assert "mount -t tracefs tracefs /sys/kernel/tracing" in message


def test_without_mapping_calls_no_tracefs_is_asked_for() -> None:
    before = [*without_mounts(*NO_TRACEFS), *without_capabilities("sys_admin")]
    done = ebpftrace(*WATCH, before=before)
    assert done.returncode == 0, done.stderr


def test_a_python_that_does_not_see_bcc() -> None:
    code = (
        f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(SITE)!r}]; "
        "from ebpftrace.__main__ import main; main()"
    )
    # -S: no dist-packages, which is where the distribution's bcc is.
    done = ebpftrace(*WATCH, python=("/usr/bin/python3", "-I", "-S", "-c", code))
    message = assert_explained(done, 7)
    for command in ("apt install python3-bpfcc", "dnf install python3-bcc", "apk add py3-bcc"):
        assert command in message


def test_the_lattice_package_called_bcc(tmp_path: Path) -> None:
    """A fake that, like the real one, imports what an installation need not have."""
    (tmp_path / "bcc").mkdir()
    (tmp_path / "bcc" / "__init__.py").write_text("import a_test_tool_that_is_missing\n")
    done = ebpftrace(*WATCH, environment={"PYTHONPATH": str(tmp_path)})
    message = assert_explained(done, 7)
    assert "crystal lattices" in message
    assert "pip uninstall bcc" in message
    assert "a_test_tool" not in message


def test_a_process_that_does_not_exist() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    message = assert_explained(ebpftrace("watch", "--pid", str(ended.pid)), 9)
    assert f"there is no process {ended.pid}" in message


def test_a_kernel_thread_has_no_memory() -> None:
    kthreadd = 2  # the parent of all kernel threads
    if Path(f"/proc/{kthreadd}/exe").exists():
        pytest.skip("pid 2 is no kernel thread here: a pid namespace of its own")
    message = assert_explained(ebpftrace("watch", "--pid", str(kthreadd)), 9)
    assert "no memory of its own" in message


def test_a_cgroup_that_does_not_exist() -> None:
    with memory_cgroup() as group:
        name = group.name
    message = assert_explained(ebpftrace("watch", "--cgroup", name), 9)
    assert f"there is no memory cgroup {name}" in message


def test_a_name_in_a_message_is_cleaned() -> None:
    message = assert_explained(ebpftrace("watch", "--cgroup", "/\x1b[31mred\u202e"), 9)
    assert r"/\x1b[31mred\u202e" in message


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--interval", "soon"), "not a duration: 'soon'"),
        (("--interval", "5ms"), "at least 100ms"),
        (("--duration", "-1s"), "not a duration: '-1s'"),
        (("--comm", ""), "--comm is empty"),
        (("--cgroup", ""), "--cgroup is empty"),
        (("--exe", "/bin/*", "--exe", ""), "--exe is empty"),
        (("--go-main", ""), "--go-main is empty"),
        (("--cgroup", "/../../tmp"), "--cgroup /../../tmp has a '..'"),
        (("--pid", "0"), "not a pid: '0'"),
        (("--pid", "gopls"), "not a pid: 'gopls'"),
        (("--output", "xml"), "'xml' is not one of 'table', 'plain', 'jsonl'"),
        (("--mapping",), "no such option '--mapping'"),
        (("gopls",), "unexpected extra argument (gopls)"),
    ],
)
def test_wrong_usage(args: tuple[str, ...], message: str) -> None:
    assert message in assert_explained(ebpftrace("watch", *args), 2)


def test_a_command_that_does_not_exist() -> None:
    assert "no such command 'nop'" in assert_explained(ebpftrace("nop"), 2)


def test_a_full_disk() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = ebpftrace(*WATCH, stdout=full)
    assert done.returncode == 1
    assert_on_one_screen(done.stderr)
    assert "the output cannot be written" in done.stderr
    assert "No space left on device" in done.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed(closed: str) -> None:
    done = ebpftrace(*WATCH, before=["sh", "-c", f'exec "$@" {closed}', "sh"])
    assert done.returncode == 0
    assert not done.stderr
    assert (">&-" in closed.replace("2>&-", "")) == (not done.stdout)
