"""Tables of keys: from the annotations of an action's options, and mistakes in words."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import pytest

from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.policy.toml.tables import Mistake, TableReader, in_words, keys_of, suggestion
from ebpftrace.units import MIB, NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Options:
    line: Annotated[str, "the line"]
    wait_ns: Annotated[int, "duration", "how long"] = 0
    output_bytes: Annotated[int | None, "how much", "bytes"] = None
    near: Annotated[float, "share"] = 0.5
    from_: Annotated[Path | None, "where"] = None
    send: tuple[Literal["TERM", "KILL"], ...] = ()
    end: StepStatus = StepStatus.DONE
    tries: int = 3
    factor: float = 1.0
    loud: bool = False
    variables: dict[str, str] = field(default_factory=dict)


def test_an_options_dataclass_becomes_keys() -> None:
    keys = {key.name: key for key in keys_of(Options)}
    assert list(keys) == [
        "line", "wait", "output", "near", "from", "send", "end", "tries", "factor", "loud",
        "variables",
    ]  # fmt: skip
    assert [name for name, key in keys.items() if key.required] == ["line"]
    assert (keys["from"].field, keys["from"].doc) == ("from_", "where")
    assert (keys["output"].doc, keys["near"].doc) == ("how much", "")
    table = {
        "line": "a", "wait": "1.5s", "output": "1MiB", "near": "25%", "from": "/x",
        "send": ["TERM", "KILL"], "end": "failed", "tries": 2, "factor": 2, "loud": True,
        "variables": {"A": ""},
    }  # fmt: skip
    reading = TableReader({})
    values = reading.values(table, keys_of(Options), (), known=())
    assert reading.mistakes == []
    assert Options(**values) == Options(
        "a", 3 * NS_PER_SECOND // 2, MIB, 0.25, Path("/x"), ("TERM", "KILL"), StepStatus.FAILED,
        2, 2.0, True, {"A": ""},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("line", ""), ("line", "a\0"), ("line", 1), ("wait", 1), ("wait", "-1s"),
        ("output", "1M"), ("output", -1), ("output", True), ("near", "0%"), ("near", 0.5),
        ("from", "x"), ("send", "HUP"), ("end", "Failed"), ("tries", -1), ("tries", 1.0),
        ("tries", True), ("tries", 1 << 40), ("factor", float("inf")), ("factor", float("nan")),
        ("factor", -1.0), ("factor", "1"), ("loud", 1), ("variables", {"A": 1}),
        ("variables", ["A"]),
    ],
)  # fmt: skip
def test_what_a_key_cannot_be(name: str, value: object) -> None:
    reading = TableReader({})
    made = reading.values({"line": "a", name: value}, keys_of(Options), (), known=())
    assert [re.split(r"[\[.]", one.key)[0] for one in reading.mistakes] == [name]
    assert name not in made


def test_an_annotation_that_no_policy_can_write_is_refused() -> None:
    @dataclass
    class Wrong:
        when: complex

    with pytest.raises(TypeError, match="cannot contain a value of type"):
        keys_of(Wrong)


def test_a_mistake_is_one_line() -> None:
    assert str(Mistake(3, "a[0].b", '"x"', "a size")) == 'a[0].b: found "x", expected a size'
    assert str(Mistake(0, "", "no policy", "")) == "found no policy"
    assert in_words(("a", 0, "b\n", "c" * 99)) == f"a[0].b\\x0a.{'c' * 39}…"


def test_a_mistake_without_a_line_of_its_own_has_that_of_the_table_around_it() -> None:
    reading = TableReader({("a",): 3, ("a", 0): 4})
    assert [reading.line(path) for path in (("a", 0, "b"), ("a", 1), ("b",))] == [4, 3, 0]


def test_suggestions() -> None:
    assert suggestion("cooldwn", ("cooldown", "for")) == '"cooldown"'
    assert suggestion("x", ("b", "a")) == "one of a, b"
    assert suggestion("x" * 100_000, ("b", "a")) == "one of a, b"
