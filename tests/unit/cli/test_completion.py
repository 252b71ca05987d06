"""The completion scripts."""

import pytest
from click.testing import CliRunner

from ebpftrace.cli import cli
from ebpftrace.cli.completion import SHELLS, completion_script


@pytest.mark.parametrize("shell", SHELLS)
def test_the_command_prints_the_script(shell: str) -> None:
    result = CliRunner().invoke(cli, ["completion", shell])
    assert result.output == completion_script(cli, shell) + "\n"
    assert f"_EBPFTRACE_COMPLETE={shell}_complete" in result.output
