"""shell: a line in /bin/sh, with facts in variables."""

from ebpftrace.act.actions.shell import ShellOptions
from ebpftrace.act.incident.outcome import StepStatus
from tests.support.incidents import act, incident


def test_facts_are_variables_of_the_line() -> None:
    ended = act("shell", incident(), ShellOptions('echo "$EBPFTRACE_COMM" on "$PATH"'))
    assert ended.status is StepStatus.DONE
    assert ended.detail.startswith("exit code 0: gopls on /")


def test_facts_never_become_part_of_the_line() -> None:
    hostile = incident(comm="$(echo run)`echo run`;echo run")
    ended = act("shell", hostile, ShellOptions('echo "$EBPFTRACE_COMM"'))
    assert ended.detail == "exit code 0: $(echo run)`echo run`;echo run"


def test_output_is_bounded() -> None:
    ended = act("shell", incident(), ShellOptions("echo 1234567890", output_bytes=4))
    assert ended.output == b"1234"
    assert "7 B of its output dropped" in ended.detail
