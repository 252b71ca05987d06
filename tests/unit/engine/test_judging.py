"""What a watch finds: nothing that judges is imported before it is needed."""

import subprocess
import sys

from ebpftrace.engine.judging import Judging
from ebpftrace.judge.finding import FindingState
from tests.support import watches

ASKED = """
import sys
from ebpftrace.engine.judging import Judging
from tests.support import watches
judging = Judging(None)
found = [judging.of_note(note) for note in (watches.process_note(), watches.stall_note())]
print(found, "ebpftrace.judge.judge" in sys.modules)
"""


def test_notes_that_say_nothing_by_themselves_import_no_judge() -> None:
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True)
    assert done.stdout == "[(), ()] False\n", done.stderr


def test_a_kill_is_found_by_its_note_before_any_snapshot() -> None:
    (finding,) = Judging(None).of_note(watches.oom_note())
    assert (finding.detector, finding.state) == ("oom", FindingState.BEGIN)


def test_a_snapshot_is_judged_and_its_findings_are_in_force() -> None:
    judging = Judging(None)
    assert judging.of_snapshot(watches.snapshot(), []) == judging.active == ()
