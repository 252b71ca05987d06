"""Policy files: typed values, or all mistakes with their lines."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.act.policy.file import PolicyFileError, parse_policies, read_policies
from ebpftrace.act.policy.fuse import Fuse, FuseAction, FuseResumed
from ebpftrace.act.policy.keys import JOB_KINDS
from ebpftrace.act.policy.policy import Budget, Match, Mode, Policy, Step
from ebpftrace.errors import EbpftraceError
from ebpftrace.events import FuseScope
from ebpftrace.judge.finding import Severity
from ebpftrace.units import KIB, MIB, NS_PER_SECOND
from tests.support.actions import fake_action
from tests.support.conditions import condition, growth, level


@dataclass(frozen=True, slots=True)
class Capture:
    keep: Annotated[int, "how many are kept"] = 8


@dataclass(frozen=True, slots=True)
class Stop:
    send: Annotated[tuple[Literal["QUIT", "TERM"], ...], "in this order"]
    grace_ns: Annotated[int, "duration", "between them"] = 5 * NS_PER_SECOND
    output_bytes: Annotated[int, "bytes"] = 64 * KIB
    log: Path | None = None
    variables: Annotated[dict[str, str], "given to it"] | None = None

    def __post_init__(self) -> None:
        if len(self.send) > 1 and not self.grace_ns:
            raise ValueError("no grace between two signals")


ACTIONS = {
    "capture": fake_action("capture", Capture, informational=True, saves_evidence=True),
    "stop": fake_action("stop", Stop, timeout_ns=20 * NS_PER_SECOND),
}

WHOLE = """\
[[policy]]
name = "leaks"
mode = "all"
for = "5s"
cooldown = "2m"
grace = "0s"
dry_run = true
match.comm = "gopls"
match.cgroup = ["/ci/*"]
match.job_kind = ["github", "git*"]
match.job_name = "a"
match.container = "3f*"
match.unit = "ci.service"
budget = { restarts = 2, window = "5m" }

[[policy.when]]
detector = "growth"
bound = "256MiB"
window = "60s"
of = "process"

[[policy.when]]
detector = "level"
bound = "85%"

[[policy.then]]
action = "stop"
timeout = "30s"
send = ["QUIT", "TERM"]
grace = "1.5s"
output = "1MiB"
log = "/var/log/x"
variables = { A = "1" }

[[policy]]
name = "end"
capture = false
when = [
    { detector = "time_to_limit", bound = "1m" },
    { detector = "builtin", least = "critical" },
    { detector = "oom" },
    { detector = "level", bound = 1048576 },
]
then = [{ action = "stop", send = "TERM" }]
"""


def mistakes(text: str | bytes) -> list[tuple[int, str]]:
    raw = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(PolicyFileError) as caught:
        parse_policies(raw, "p.toml", ACTIONS)
    assert caught.value.exit_code == 10
    return [(one.line, str(one)) for one in caught.value.mistakes]


def test_a_file_becomes_typed_values() -> None:
    leaks, end = parse_policies(WHOLE.encode(), "p.toml", ACTIONS)
    assert leaks == Policy(
        name="leaks",
        match=Match(("gopls",), ("github", "git*"), ("a",), ("/ci/*",), ("3f*",),
                    ("ci.service",)),
        when=(
            growth(256 * MIB, window_ns=60 * NS_PER_SECOND, per_process=True),
            level(0.85, share=True),
        ),
        mode=Mode.ALL,
        ladder=(
            Step("capture", 10 * NS_PER_SECOND, Capture()),
            Step("stop", 30 * NS_PER_SECOND,
                 Stop(("QUIT", "TERM"), 1_500_000_000, MIB, Path("/var/log/x"), {"A": "1"})),
        ),
        for_ns=5 * NS_PER_SECOND,
        cooldown_ns=120 * NS_PER_SECOND,
        grace_ns=0,
        budget=Budget(2, 300 * NS_PER_SECOND),
        dry_run=True,
    )  # fmt: skip
    assert end.when == (
        condition("time_to_limit", bound=round(60.0 * NS_PER_SECOND)),
        condition("builtin", least=Severity.CRITICAL),
        condition("oom"),
        level(MIB),
    )
    assert end.ladder == (Step("stop", 20 * NS_PER_SECOND, Stop(("TERM",))),)
    assert (end.match, end.mode, end.budget) == (Match(), Mode.ANY, Budget())


def test_a_byte_order_mark_is_skipped() -> None:
    marked = b"\xef\xbb\xbf" + WHOLE.encode()
    assert parse_policies(marked, "p", ACTIONS) == parse_policies(WHOLE.encode(), "p", ACTIONS)


def test_windows_line_ends_are_accepted() -> None:
    windows = WHOLE.replace("\n", "\r\n").encode()
    assert parse_policies(windows, "p", ACTIONS) == parse_policies(WHOLE.encode(), "p", ACTIONS)


@pytest.mark.parametrize(
    ("line", "old", "new", "text"),
    [
        (3, '"all"', '"both"', 'policy[0].mode: found "both", expected "any" or "all"'),
        (4, '"5s"', "5", 'policy[0].for: found 5, expected a duration such as "60s", '
         "24h at most"),
        (5, '"2m"', '"25h"', 'policy[0].cooldown: found "25h", expected a duration such as '
         '"60s", 24h at most'),
        (5, "cooldown", "cooldwn",
         'policy[0].cooldwn: found an unknown key, expected "cooldown"'),
        (7, "true", '"yes"', 'policy[0].dry_run: found "yes", expected true or false'),
        (8, '"gopls"', "[7]", "policy[0].match.comm[0]: found 7, expected a glob"),
        (9, "cgroup =", "cgruop =", 'policy[0].match.cgruop: found an unknown key, '
         'expected "cgroup"'),
        (10, '["github",', '["",', 'policy[0].match.job_kind[0]: found "", '
         f"expected a glob for one of {', '.join(JOB_KINDS)}"),
        (11, '"a"', "[]", "policy[0].match.job_name: found an empty array, expected a glob, "
         "or an array of such"),
        (14, "2,", "-2,", "policy[0].budget.restarts: found -2, expected a whole number, "
         "0 or more"),
        (17, '"growth"', '"grwth"', 'policy[0].when[0].detector: found "grwth", '
         'expected "growth"'),
        (18, '"256MiB"', '"256Mb"', 'policy[0].when[0].bound: found "256Mb", '
         'expected a share such as "85%" or a size such as "1.5GiB"'),
        (19, '"60s"', '"0s"', 'policy[0].when[0].window: found "0s", expected a duration '
         'above 0 such as "60s", 24h at most'),
        (16, 'window = "60s"', "", "policy[0].when[0].window: found no such key, expected a "
         'duration above 0 such as "60s", 24h at most'),
        (18, '"256MiB"', '"9999999TiB"', 'policy[0].when[0].bound: found "9999999TiB", '
         'expected a share such as "85%" or a size such as "1.5GiB"'),
        (33, '"1"', "1", "policy[0].then[0].variables.A: found 1, expected a string"),
        (20, '"process"', '"pod"', 'policy[0].when[0].of: found "pod", expected "job" or '
         '"process"'),
        (24, '"85%"', '"850%"', 'policy[0].when[1].bound: found "850%", expected a share such '
         'as "85%" or a size such as "1.5GiB"'),
        (27, '"stop"', '"stopp"', 'policy[0].then[0].action: found "stopp", expected "stop"'),
        (29, '"QUIT"', '"KILL"', 'policy[0].then[0].send[0]: found "KILL", expected "QUIT" '
         'or "TERM"'),
        (26, '"1.5s"', '"0s"', "policy[0].then[0]: found options that do not fit: no grace "
         "between two signals"),
        (32, '"/var', '"var', 'policy[0].then[0].log: found "var/log/x", expected an absolute '
         'path such as "/var/lib/x"'),
        (36, '"end"', '"leaks"', "policy[1].name: found the same name as in line 2, expected a "
         "unique name"),
        (40, '"critical"', '"dire"', 'policy[1].when[1].least: found "dire", '
         'expected one of "notice", "warning", "critical"'),
        (44, "then", "thn", 'policy[1].thn: found an unknown key, expected "then"'),
    ],
)  # fmt: skip
def test_a_mistake_has_its_line_and_key(line: int, old: str, new: str, text: str) -> None:
    assert old in WHOLE
    found = mistakes(WHOLE.replace(old, new, 1) if old != "then" else new.join(
        WHOLE.rsplit(old, 1)))  # fmt: skip
    assert (line, text) in found


def test_all_mistakes_of_a_file_are_reported_at_once() -> None:
    text = WHOLE.replace('"5s"', "5").replace('"85%"', "true").replace("log =", "lug =")
    assert [line for line, _ in mistakes(text)] == [4, 24, 32]
    twice = [line for line, text in mistakes(text.replace('"end"', '"leaks"'))
             if "the same name as in line 2" in text]  # fmt: skip
    assert twice == [36]


@pytest.mark.parametrize(
    ("raw", "line", "text"),
    [
        (b"", 0, "found no policy, expected at least one [[policy]]"),
        (b"policy = 1", 1, "policy: found 1, expected an array of tables"),
        (b"policy = [1]", 1, "policy[0]: found 1, expected a table"),
        (b"a = 1\na = 2\n", 2, "found invalid TOML: cannot overwrite a value"),
        (b"x = 1\n[[policy]\n", 2, 'found invalid TOML: expected "]]" at the end of an array '
         "declaration"),
        (b"x = 1\ny = \xff\n", 2, "found the byte 0xff, expected UTF-8"),
        (b"x = " + b"[" * 5000, 1, "found arrays or tables more than 16 deep, expected fewer"),
        (b"#" * 300_000, 0, "found a larger file, expected 64 KiB at most"),
        (b'[[policy]]\nname = "a\\u001b[2J"', 2,
         'policy[0].name: found "a\\u001b[2J", expected '
         "a printable name of 1 to 40 characters"),
        (b'[[policy]]\n"\\u001b" = 1', 2, "policy[0].\\x1b: found an unknown key, expected one "
         "of backstop, budget, capture, cooldown, dry_run, for, fuse, grace, match, mode, "
         "name, then, when"),
    ],
)  # fmt: skip
def test_invalid_toml_is_rejected(raw: bytes, line: int, text: str) -> None:
    assert (line, text.replace('"]]"', "']]'")) in mistakes(raw)


def test_a_number_of_ten_thousand_digits_is_a_mistake_as_any_other() -> None:
    assert mistakes(b"x = " + b"1" * 10_000)


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(WHOLE)), st.integers(0, 12), st.text(max_size=6)
            | st.sampled_from(["[", "]", "{", "}", '"', "\n", "= ", "[[policy]]\n", "1e999"])
        ),
        min_size=1, max_size=4,
    )
)  # fmt: skip
def test_a_mangled_file_is_read_or_rejected(
    edits: list[tuple[int, int, str]],
) -> None:
    text = WHOLE
    for at, cut, new in edits:
        text = text[:at] + new + text[at + cut :]
    raw = text.encode("utf-8", "surrogatepass")
    try:
        policies = parse_policies(raw, "p.toml", ACTIONS)
    except PolicyFileError as error:
        assert error.mistakes
        for one in error.mistakes:
            assert 0 <= one.line <= raw.count(b"\n") + 1
            assert str(one).isprintable()
    else:
        assert all(policy.when and policy.ladder and policy.name for policy in policies)


def test_a_file_is_read_from_its_place(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    with pytest.raises(EbpftraceError, match="cannot read the policy file") as missing:
        read_policies(file)
    assert missing.value.why == "No such file or directory"
    with pytest.raises(EbpftraceError) as folder:
        read_policies(tmp_path)
    assert folder.value.why == "Is a directory"
    os.mkfifo(tmp_path / "pipe")  # without a writer
    with pytest.raises(EbpftraceError) as pipe:
        read_policies(tmp_path / "pipe")
    assert pipe.value.why == "it is not a regular file"
    file.write_text("")
    file.chmod(0o644)
    with pytest.raises(PolicyFileError, match=r"a mistake in the policy file .*policy\.toml"):
        read_policies(file)
    file.chmod(0o666)
    with pytest.raises(EbpftraceError, match="writable by everyone"):
        read_policies(file)


FUSED = '[[policy]]\nname = "p"\n'


@pytest.mark.parametrize(
    ("line", "fuse"),
    [
        ('fuse = "90%"', Fuse(0.9, True)),
        ('fuse = "1GiB"', Fuse(1024 * MIB, False)),
        (
            'fuse = { bound = "50%", of = "charge", action = "kill" }',
            Fuse(0.5, True, FuseScope.CHARGE, FuseAction.KILL),
        ),
        (
            'fuse = { bound = "50%", resumed = "kill" }',
            Fuse(0.5, True, resumed=FuseResumed.KILL),
        ),
    ],
)
def test_a_fuse_needs_neither_conditions_nor_a_ladder(line: str, fuse: Fuse) -> None:
    (policy,) = parse_policies((FUSED + line).encode(), "f", ACTIONS)
    assert policy.fuse == fuse
    assert policy.when == ()
    assert [step.action for step in policy.ladder] == ["capture"]


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        ("fuse = true", "policy[0].fuse"),
        ('fuse = "85"', "policy[0].fuse"),
        ("fuse = {}", "policy[0].fuse.bound"),
        ('fuse = { bound = "90%", of = "node" }', "policy[0].fuse.of"),
        ('fuse = { bound = "90%", than = "kill" }', "policy[0].fuse.than"),
        ('fuse = "100%"', "policy[0].fuse: found 100%, where the OOM killer comes first"),
        (
            'fuse = { bound = "90%", action = "kill", then = "thaw" }',
            "policy[0].fuse.then: found a key without effect: the fuse kills at once",
        ),
        (
            'fuse = { bound = "90%", action = "kill", resumed = "stop" }',
            "policy[0].fuse.resumed: found a key without effect: the fuse kills at once",
        ),
        ('fuse = { bound = "90%", resumed = "thaw" }', "policy[0].fuse.resumed"),
        (
            'fuse = { bound = "90%", action = "kill" }\nthen = [{ action = "capture" }]',
            "policy[0].then: found a ladder that is never run: the fuse kills at once",
        ),
    ],
)
def test_an_invalid_fuse_is_rejected(line: str, mistake: str) -> None:
    assert any(text.startswith(mistake) for _, text in mistakes((FUSED + line).encode()))
