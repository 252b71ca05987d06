"""Events as the API takes them."""

from ebpftrace.kubernetes.event import PodEvent, cut_note, micro_time, new_event, series_patch
from ebpftrace.kubernetes.pod import CgroupPlace, Pod, PodContainer

POD = Pod("u1", "u1", "ci", "p" * 253, "n1", containers=(PodContainer("build", ("c1",)),))


def event(note: str = "it leaks", ids: tuple[str, ...] = ("c1",)) -> PodEvent:
    return PodEvent(
        CgroupPlace("u1", ids), "MemoryLeak", "FindWarning", note, True, 10**9 + 5000
    )


def test_an_event_is_about_the_container_of_its_pod() -> None:
    made = new_event(event(), POD, "n1")
    assert made["regarding"]["fieldPath"] == "spec.containers{build}"
    assert made["regarding"]["uid"] == "u1"
    assert made["metadata"]["namespace"] == "ci"
    assert len(made["metadata"]["name"]) <= 253
    assert (made["type"], made["reason"], made["action"]) == (
        "Warning", "MemoryLeak", "FindWarning",
    )  # fmt: skip
    assert new_event(event(), POD, "n1")["metadata"]["name"] != made["metadata"]["name"]
    assert "fieldPath" not in new_event(event(ids=()), POD, "n1")["regarding"]


def test_times_have_microseconds() -> None:
    assert micro_time(10**9 + 5000) == "1970-01-01T00:00:01.000005Z"
    assert series_patch(3, 2 * 10**9)["series"] == {
        "count": 3, "lastObservedTime": "1970-01-01T00:00:02.000000Z",
    }  # fmt: skip


def test_a_note_has_1024_bytes_at_most() -> None:
    assert cut_note("x" * 1024) == "x" * 1024
    assert cut_note("x" * 1025) == "x" * 1021 + "…"
    cut = cut_note("日" * 1000)
    assert len(cut.encode()) <= 1024
    assert cut.endswith("日…")
    assert cut_note("a\ud800") == "a?"
