"""scripts/commit-subject, the commit-msg hook: subjects have 72 characters at most."""

import subprocess
from pathlib import Path

import pytest

from tests.support.build import ROOT

HOOK = Path(ROOT) / "scripts" / "commit-subject"


@pytest.mark.parametrize("subject, code", [
    ("a" * 72, 0),
    ("a" * 73, 1),
    ("ä" * 72, 0),
    ("# " + "a" * 80 + "\nShort", 0),
    ("fixup! " + "a" * 72, 0),
    ("\n" + "a" * 73 + "\n\nbody", 1),
    ("Short\n\n" + "a" * 90, 0),
])  # fmt: skip
def test_a_long_subject_is_refused(tmp_path: Path, subject: str, code: int) -> None:
    message = tmp_path / "COMMIT_EDITMSG"
    message.write_text(f"{subject}\n", encoding="utf-8")
    done = subprocess.run([HOOK, message], capture_output=True, check=False)
    assert done.returncode == code
