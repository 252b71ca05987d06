"""The memory of a real tree of processes, as far as /proc tells."""

import subprocess
from collections.abc import Iterator

import pytest

from ebpftrace.run.tree import ProcessTree
from tests.support.build import exact_binary
from tests.support.patience import patient

MIB = 1 << 20


@pytest.fixture
def shell() -> Iterator[subprocess.Popen[bytes]]:
    """A shell with a child that takes memory as each line of text asks."""
    process = subprocess.Popen(
        ["sh", "-c", '"$0"; true', exact_binary()],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    with process:
        assert process.stdout.readline()  # its greeting
        yield process
        if process.poll() is None:
            process.kill()


def do(process: subprocess.Popen[bytes], line: str) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{line}\n".encode())
    process.stdin.flush()
    assert process.stdout.readline()


def test_memory_of_a_child_is_seen_with_its_name(shell: subprocess.Popen[bytes]) -> None:
    tree = ProcessTree(shell.pid)
    assert tree.look() >= 0.25
    do(shell, "map 64MiB")
    do(shell, "touch 0")
    tree.look()
    assert 64 * MIB <= tree.peak_bytes < 80 * MIB
    assert tree.holder.startswith("exact-")
    assert len(tree.points) == 2


def test_child_that_is_known_is_seen_after_its_parent(shell: subprocess.Popen[bytes]) -> None:
    tree = ProcessTree(shell.pid)
    do(shell, "map 64MiB")
    tree.look()
    shell.kill()
    shell.wait(patient(10.0))
    do(shell, "touch 0")
    tree.look()
    assert tree.peak_bytes >= 64 * MIB
    tree.kill()
    assert shell.stdout is not None
    assert shell.stdout.read() == b""  # the child is gone as well
    tree.look()
    assert tree.points[-1][1] == 0
