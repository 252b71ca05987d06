"""Several views at once: each gets every call in order, even if another view raises."""

from collections.abc import Callable

import pytest

from ebpftrace.views import View
from ebpftrace.views.tee import Tee
from tests.support import watches

CALLS: dict[str, Callable[[View], None]] = {
    "start": lambda view: view.start(watches.started()),
    "note": lambda view: view.note(watches.process_note()),
    "snapshot": lambda view: view.snapshot(watches.example()),
    "finding": lambda view: view.finding(watches.finding()),
    "step": lambda view: view.step(watches.step()),
    "outcome": lambda view: view.outcome(watches.outcome()),
    "fuse": lambda view: view.fuse(watches.fuse_event()),
    "remark": lambda view: view.remark(watches.remark()),
    "end": lambda view: view.end(watches.example(), "one reading"),
    "stop": lambda view: view.stop(),
}


class RecordingView:
    """Appends each call to a list that it shares with others; may fail each time."""

    def __init__(
        self, name: str, calls: list[tuple[str, str]], error: Exception | None
    ) -> None:
        self._name, self._calls, self._error = name, calls, error

    def __getattr__(self, method: str) -> Callable[..., None]:
        def record(*_: object) -> None:
            self._calls.append((self._name, method))
            if self._error is not None:
                raise self._error

        return record


def tee(*errors: Exception | None) -> tuple[View, list[tuple[str, str]]]:
    calls: list[tuple[str, str]] = []
    views = [
        RecordingView(name, calls, error) for name, error in zip("abc", errors, strict=False)
    ]
    return Tee(views), calls


@pytest.mark.parametrize("method", CALLS)
def test_every_view_gets_the_call_in_order(method: str) -> None:
    both, calls = tee(None, None)
    CALLS[method](both)
    assert calls == [("a", method), ("b", method)]


@pytest.mark.parametrize("method", CALLS)
def test_first_error_is_raised_after_all_views_got_the_call(method: str) -> None:
    views, calls = tee(BrokenPipeError("first"), OSError("second"), None)
    with pytest.raises(BrokenPipeError, match="first"):
        CALLS[method](views)
    assert calls == [(name, method) for name in "abc"]


def test_no_method_of_a_view_is_missing() -> None:
    methods = {name for name in vars(View) if not name.startswith("_")}
    assert methods == set(CALLS)
