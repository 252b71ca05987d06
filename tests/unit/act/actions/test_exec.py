"""exec: commands and names that could not be started are refused as they are read."""

import pytest

from ebpftrace.act.actions.exec import ExecOptions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"command": ()}, "command is empty"),
        ({"command": ("systemctl restart gopls",)},
         'command "systemctl restart gopls" is one word; write ["program", "argument"]'),
        ({"command": ("true",), "environment": {"A=B": "1"}},
         'environment has the name "A=B", with a "="'),
    ],
)  # fmt: skip
def test_command_that_cannot_be_started_is_refused(
    options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=r"command|environment") as caught:
        ExecOptions(**options)  # type: ignore[arg-type]
    assert str(caught.value) == message
