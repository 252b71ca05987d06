"""gopls daemons and their clients; tests/e2e/gopls has real ones."""

import pytest

from ebpftrace.doctor.gopls.daemons import begins_daemon


@pytest.mark.parametrize(
    "arguments",
    ["-remote=auto", "--remote=auto;ci", "-v -remote auto", "--remote auto -mode=stdio"],
)
def test_a_client_that_starts_a_daemon_where_none_listens(arguments: str) -> None:
    assert begins_daemon(["gopls", *arguments.split()])


@pytest.mark.parametrize(
    "arguments", ["", "-remote=unix;/tmp/auto", "-remote.debug=auto", "auto", "-remote"]
)
def test_other_clients_end_with_the_daemon_for_good(arguments: str) -> None:
    assert not begins_daemon(["gopls", *arguments.split()])
