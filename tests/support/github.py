"""Runs the steps of a composite action as GitHub's runner does.

The runner itself is GitHub's program, and takes its jobs from there: what stands here follows
docs.github.com, "Metadata syntax" and "Workflow commands". Expressions are `inputs` alone.
"""

import os
import pwd
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.build import ROOT
from tests.support.patience import patient
from tests.vm.image import CI_USER

ACTION = ROOT / "deploy" / "github"
_EXPRESSION = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")
_SECONDS = patient(240.0)


def sudo_user() -> pwd.struct_passwd:
    """The user of a runner as GitHub has it; skips where there is none with sudo."""
    try:
        return pwd.getpwnam(CI_USER)
    except KeyError:
        pytest.skip(f"there is no user {CI_USER!r} with sudo here; see tests/vm")


@dataclass
class Runner:
    """A runner's folder, what its steps write there, and what they print.

    `begin` is put before each shell: it may enter a cgroup, or become the user `uid`.
    """

    folder: Path
    begin: Sequence[str] = ()
    uid: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    output: dict[str, str] = field(default_factory=dict)
    stdout: str = ""
    stderr: str = ""

    def run(self, given: Mapping[str, str], *, skip: Sequence[str] = ()) -> int:
        """All steps of the action but those in `skip`; the exit code of the last one."""
        action = yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))
        inputs = {name: str(one.get("default", "")) for name, one in action["inputs"].items()}
        assert given.keys() <= inputs.keys()
        inputs |= given
        for number, step in enumerate(action["runs"]["steps"]):
            if step["name"] in skip:
                continue
            if code := self._step(number, step, inputs):
                return code
        return 0

    def summary(self) -> str:
        """What the page of the run shows."""
        return "".join(
            file.read_text(encoding="utf-8") for file in sorted(self.folder.glob("summary-*"))
        )

    def _step(self, number: int, step: Mapping[str, Any], inputs: Mapping[str, str]) -> int:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]  # an input there would be a part of the script
        temp = self.folder / "temp"
        files = {
            "GITHUB_ENV": self.folder / f"env-{number}",
            "GITHUB_OUTPUT": self.folder / f"output-{number}",
            "GITHUB_STEP_SUMMARY": self.folder / f"summary-{number}",
        }
        temp.mkdir(exist_ok=True)
        for file in files.values():
            file.touch()
        for owned in (temp, *files.values()):
            os.chown(owned, self.uid, self.uid)
        script = temp / f"step-{number}.sh"
        script.write_text(step["run"], encoding="utf-8")
        given = {
            name: _EXPRESSION.sub(lambda found: inputs[found[1]], value)
            for name, value in step.get("env", {}).items()
        }
        done = subprocess.run(
            [*self.begin, "bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.folder, capture_output=True, text=True, timeout=_SECONDS, check=False,
            env={
                "PATH": os.environ["PATH"], "HOME": str(temp), "LANG": "C.UTF-8",
                "CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "1",
                "GITHUB_ACTION_PATH": str(ACTION), "RUNNER_TEMP": str(temp),
                **{name: str(file) for name, file in files.items()},
                **self.environment, **given,
            },
        )  # fmt: skip
        self.stdout += done.stdout
        self.stderr += done.stderr
        self.environment |= _assignments(files["GITHUB_ENV"])
        self.output |= _assignments(files["GITHUB_OUTPUT"])
        return done.returncode


def _assignments(file: Path) -> dict[str, str]:
    rows = file.read_text(encoding="utf-8").splitlines()
    return dict(row.split("=", 1) for row in rows)
