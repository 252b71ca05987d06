"""What a CI system gets by its own means: a summary on the run's page, and annotations.

Sources: docs.github.com, workflow commands; docs.gitlab.com, custom collapsible sections;
learn.microsoft.com, logging commands; buildkite.com, buildkite-agent annotate.
"""

import contextlib
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ebpftrace.run.files import open_appended
from ebpftrace.run.markdown import markdown
from ebpftrace.run.paragraph import paragraph
from ebpftrace.run.result import RunResult

_MOST_BYTES = 1 << 20
"""GitHub takes no longer summary of a step."""

_BUILDKITE_SECONDS = 10.0

Report = Callable[[RunResult, Mapping[str, str]], str]
"""Returns what is written to stderr, the paragraph included."""


def report_to_ci(result: RunResult, environment: Mapping[str, str]) -> str:
    """Report to the CI system of this environment; what is to be written to stderr."""
    for variable, report in _SYSTEMS.items():
        if environment.get(variable, "").lower() == "true":
            return report(result, environment)
    return paragraph(result)


def problems(result: RunResult) -> list[tuple[str, str]]:
    """`error` or `warning`, and its sentence, for each thing that went wrong with memory."""
    found = []
    if result.oom_kills:
        names = ", ".join(result.victims) or "a process"
        found.append(("error", f"the OOM killer ended {names}"))
    for one in result.findings:
        level = "error" if one["severity"] == "critical" else "warning"
        found.append((level, f"{one['detector']}: {one['sentence']}"))
    return found


def _github(result: RunResult, environment: Mapping[str, str]) -> str:
    file = environment.get("GITHUB_STEP_SUMMARY", "")
    if file:
        with contextlib.suppress(OSError):  # it is no reason for a build to fail
            _append(file, markdown(result))
    commands = [
        f"::{level} title=ebpftrace::{_github_text(text)}\n" for level, text in problems(result)
    ]
    return paragraph(result) + "".join(commands)


def _gitlab(result: RunResult, _: Mapping[str, str]) -> str:
    now = int(time.time())
    first, *rest = paragraph(result).splitlines(keepends=True)
    begin = f"\x1b[0Ksection_start:{now}:ebpftrace[collapsed=true]\r\x1b[0K"
    return f"{begin}{first}{''.join(rest)}\x1b[0Ksection_end:{now}:ebpftrace\r\x1b[0K\n"


def _azure(result: RunResult, _: Mapping[str, str]) -> str:
    issues = [f"##vso[task.logissue type={level}]{text}\n" for level, text in problems(result)]
    return paragraph(result) + "".join(issues)


def _buildkite(result: RunResult, environment: Mapping[str, str]) -> str:
    agent = shutil.which("buildkite-agent", path=environment.get("PATH"))
    found = problems(result)
    if agent is not None and found:
        style = "error" if any(level == "error" for level, _ in found) else "warning"
        argv = [agent, "annotate", "--style", style, "--context", "ebpftrace"]
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run(
                argv, input=markdown(result), text=True, timeout=_BUILDKITE_SECONDS,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
            )  # fmt: skip
    return paragraph(result)


_SYSTEMS: Mapping[str, Report] = {
    "GITHUB_ACTIONS": _github,
    "GITLAB_CI": _gitlab,
    "TF_BUILD": _azure,
    "BUILDKITE": _buildkite,
}


def _append(file: str, text: str) -> None:
    """To a regular file that is there or not, never through a symlink."""
    fd = open_appended(Path(file))
    try:
        status = os.fstat(fd)
        raw = text.encode()
        if stat.S_ISREG(status.st_mode) and status.st_size + len(raw) <= _MOST_BYTES:
            os.write(fd, raw)
    finally:
        os.close(fd)


def _github_text(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
