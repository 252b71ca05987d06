"""A watch does not end while evidence that was read is not written."""

import threading

from ebpftrace.act.actions.support.unwritten import finish_writing, unwritten
from ebpftrace.host.ready import is_readable, wait_readable


def test_end_waits_until_all_evidence_is_written() -> None:
    begun, may_end = threading.Barrier(3), threading.Event()
    steps: list[str] = []

    def write() -> None:
        with unwritten():
            begun.wait()
            may_end.wait()
            steps.append("written")

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    begun.wait()

    def wait(fd: int, seconds: float) -> bool:
        assert 0 < seconds <= 2
        assert may_end.is_set() or not is_readable(fd)
        may_end.set()
        return wait_readable(fd, 60)

    finish_writing(wait)
    assert steps == ["written"] * 2
    for thread in threads:
        thread.join()


def test_disk_that_does_not_answer_is_not_waited_for_any_longer() -> None:
    waited: list[int] = []

    def wait(fd: int, _seconds: float) -> bool:
        waited.append(fd)
        return False

    with unwritten():
        finish_writing(wait)
    finish_writing(wait)
    assert len(waited) == 1
