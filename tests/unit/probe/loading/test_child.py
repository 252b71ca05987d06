"""Work in a forked child: its answer, its errors, its silence and its end."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from ebpftrace.errors import NoBccError, ProbeError
from ebpftrace.probe.loading import child as child_module
from ebpftrace.probe.loading.child import in_child


def test_result_of_any_length_is_returned() -> None:
    answer = os.urandom(1 << 20)
    assert in_child(lambda: answer, failed="it failed") == answer


def test_work_runs_in_another_process_without_output(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def work() -> bytes:
        for descriptor in (1, 2):
            os.write(descriptor, b"what a library writes")
        return str(os.getpid()).encode()

    assert int(in_child(work, failed="it failed")) != os.getpid()
    assert capfd.readouterr() == ("", "")


def test_our_errors_are_raised_unchanged() -> None:
    def work() -> bytes:
        raise NoBccError("none", why="because", fix="install it")

    with pytest.raises(NoBccError) as caught:
        in_child(work, failed="it failed")
    assert (caught.value.what, caught.value.why) == ("none", "because")
    assert caught.value.fix == "install it"


def test_other_errors_have_the_output_of_the_child() -> None:
    def work() -> bytes:
        os.write(2, b"bpf/memory.c:7: error: no such thing\n")
        raise Exception("Failed to compile")

    with pytest.raises(ProbeError) as caught:
        in_child(work, failed="the programs do not compile")
    assert caught.value.what == "the programs do not compile"
    assert caught.value.why == "Failed to compile\nbpf/memory.c:7: error: no such thing"


def test_crash_that_does_not_repeat_is_tried_again(tmp_path: Path) -> None:
    def work() -> bytes:
        if not (tmp_path / "crashed").exists():
            (tmp_path / "crashed").touch()
            os.kill(os.getpid(), signal.SIGSEGV)
        return b"compiled"

    assert in_child(work, failed="it failed") == b"compiled"


@pytest.mark.parametrize(("number", "attempts"), [(signal.SIGSEGV, 2), (signal.SIGKILL, 1)])
def test_crash_that_repeats_is_an_error_that_names_the_signal(
    tmp_path: Path, number: signal.Signals, attempts: int
) -> None:
    def work() -> bytes:
        (tmp_path / str(os.getpid())).touch()
        os.kill(os.getpid(), number)
        return b""

    with pytest.raises(ProbeError) as caught:
        in_child(work, failed="it failed")
    assert number.name in caught.value.why
    assert len(list(tmp_path.iterdir())) == attempts


def test_caller_that_can_explain_a_failure_is_asked() -> None:
    asked: list[bool] = []

    def explain(failed: bool) -> ProbeError | None:
        asked.append(failed)
        return ProbeError("no memory") if failed else None

    def killed() -> bytes:
        os.kill(os.getpid(), signal.SIGKILL)
        return b""

    def refused() -> bytes:
        raise Exception("Cannot allocate memory")

    for work in (killed, refused):
        with pytest.raises(ProbeError, match="no memory"):
            in_child(work, failed="it failed", explain=explain)
    assert asked == [True, True]


def test_caller_is_not_asked_about_an_error_that_says_why() -> None:
    def work() -> bytes:
        raise NoBccError("none")

    with pytest.raises(NoBccError):
        in_child(work, failed="it failed", explain=lambda _failed: ProbeError("no memory"))


def test_child_that_the_caller_gives_up_on_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_module, "_ASK_EVERY_MS", 1)
    note = tmp_path / "pid"

    def work() -> bytes:
        note.write_text(str(os.getpid()))
        threading.Event().wait()
        return b""

    def explain(failed: bool) -> ProbeError | None:
        assert not failed
        return ProbeError("it takes too long") if note.exists() and note.read_text() else None

    with pytest.raises(ProbeError, match="it takes too long"):
        in_child(work, failed="it failed", explain=explain)
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_interrupt_ends_the_child(tmp_path: Path) -> None:
    """The interrupt comes once the child has written that it runs, and hangs."""
    note = tmp_path / "pid"

    def work() -> bytes:
        (tmp_path / "new").write_text(str(os.getpid()))
        (tmp_path / "new").rename(note)
        time.sleep(60)
        return b""

    main = threading.get_ident()

    def interrupt() -> None:
        while not note.exists():
            time.sleep(0.001)
        # The child may be quicker than the parent's own way out of fork, where Python
        # runs hooks and drops what is raised in them.
        time.sleep(0.5)
        signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        in_child(work, failed="it failed")
    thread.join()
    assert not Path(f"/proc/{note.read_text()}").exists()
