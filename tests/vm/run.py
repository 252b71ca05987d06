"""Runs the tools of the machine, with a reason when one of them fails."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class VmError(Exception):
    """A machine could not be made or did not come up; the text says what to do."""


class UnavailableError(VmError):
    """What machines are made with is not to be had here: QEMU, a tool, Debian's archive."""


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    input: str | None = None,  # noqa: A002 - as subprocess has it
) -> str:
    """A tool's standard output. VmError with the end of its errors if it fails."""
    command = list(map(str, argv))
    try:
        done = subprocess.run(
            command,
            env=env,
            cwd=cwd,
            input=input,
            capture_output=True,
            text=True,
            check=False,
            close_fds=False,  # a lock is for what it starts too
        )
    except FileNotFoundError as error:
        raise UnavailableError(
            f"{command[0]} is missing: run scripts/setup-vm ({error})"
        ) from None
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise VmError(f"{' '.join(command)} failed with {done.returncode}:\n{said}")
    return done.stdout
