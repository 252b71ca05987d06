"""Actions that end at once."""

from ebpftrace.act.actions.support.running import Ended, finished
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.undo import Undo


def test_finished_action_ends_at_the_first_poll() -> None:
    undo = Undo("thawed")
    running = finished(StepStatus.DONE, "detail", undo=undo)
    assert (running.fds, running.due_ns, running.undo) == ((), 0, undo)
    assert running.poll(1) == Ended(StepStatus.DONE, "detail")
    assert not running.cancel(2)
    assert running.stop() == ""
