"""ulimit -v, and the removal of sockets."""

import pytest

from ebpftrace.doctor.files.lint import lint_text


def found(text: str) -> list[str]:
    return [one.rule.name for one in lint_text("x.sh", text)]


@pytest.mark.parametrize(
    "text",
    [
        "ulimit -v 2097152; gopls",
        "ulimit -Sv 1000; gopls",
        "ulimit -n 9 -v 1000; gopls",
        "prlimit --as=2147483648 gopls",
    ],
)
def test_address_space_in_which_gopls_cannot_run(text: str) -> None:
    assert found(text) == ["ulimit-v"]


@pytest.mark.parametrize(
    "text",
    [
        "ulimit -v 2097153; gopls",
        "ulimit -v unlimited; gopls",
        "ulimit -m 1000; gopls",
        "ulimit -v 1000; go build",  # go builds in 1 GiB
        "prlimit --as=unlimited gopls",
    ],
)
def test_other_limits(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "find /tmp -name 'gopls-*' -delete",
        "find /tmp/ -type s -iname gopls-\\* -delete",
        'sudo find "$TMPDIR" -name "gopls*" -exec rm -f {} \\;',
        "find /run/user/1000 -name 'gopls-*' -print0 | xargs -0 rm",
        "rm -f /tmp/gopls-*",
        'rm -rf "$XDG_RUNTIME_DIR"/gopls-*',
    ],
)
def test_sockets_of_daemons_are_removed(text: str) -> None:
    assert found(text) == ["gopls-sockets"]


@pytest.mark.parametrize(
    "text",
    [
        "find /tmp -name 'gopls-*'",
        "find /tmp -name 'gopls-*' ! -type s -delete",
        "find /tmp -type d -name 'gopls-*' -delete",
        "find /tmp -name 'build-*' -delete",
        "find src -name 'gopls-*' -delete",
        "rm -rf /tmp/gopls-mine",
        "ls /tmp/gopls-*",
    ],
)
def test_sockets_are_spared(text: str) -> None:
    assert found(text) == []
