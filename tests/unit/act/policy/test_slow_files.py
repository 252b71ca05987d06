"""Policy files that would keep the engine's thread busy: refused, or read in no time."""

import pytest

from ebpftrace.act.policy.file import SIZE_LIMIT, PolicyFileError, parse_policies
from tests.support.effort import effort_of

POLICY = '[[policy]]\nname = "p"\n'
MATCH = f"{POLICY}[policy.match]\n"
LENGTH = SIZE_LIMIT // 4
"""A quarter of what is read: what takes the square of it takes far more than the bound."""

MOST_STEPS = 50 * LENGTH


def fill(piece: str) -> str:
    return piece * ((LENGTH - 200) // len(piece))


SLOW = {
    "dotted key": f"{fill('a.')}a = 1",
    "dotted header": f"[{fill('a.')}a]",
    "dotted keys of an inline table": f"x = {{ {fill('a.')}a = 1 }}",
    "quoted parts": fill("'a'.") + "a = 1",
    "keys of sixteen parts": fill("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p = 1\n"),
    "headers of sixteen parts": fill("[[a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p]]\n"),
    "nested arrays": "x = " + fill("["),
    "nested tables": "x = " + fill("{a="),
    "wide arrays, sixteen deep": "x = " + "[" * 15 + fill("1,") + "]" * 15,
    "unknown keys": "".join(f"k{number} = 1\n" for number in range(1500)),
    "unknown keys of a policy": POLICY + "".join(f"k{number} = 1\n" for number in range(1500)),
    "policies of one name": fill(POLICY),
    "policies without a name": fill("[[policy]]\n"),
    "globs": f"{MATCH}comm = [{fill(chr(34) + 'a*' + chr(34) + ',')}]",
    "numbers for globs": f"{MATCH}comm = [{fill('1,')}]",
    "kinds of jobs": f"{MATCH}job_kind = [{fill(chr(34) + 'x' + chr(34) + ',')}]",
    "a glob of stars": f"{MATCH}job_kind = '{fill('*a')}b'",
    "a size of digits": f"{POLICY}fuse = '{fill('1')}'",
    "a size of spaces": f"{POLICY}fuse = '{fill(' ')}x'",
    "a template of quotes": f"{POLICY}[[policy.then]]\naction = 'notify'\nurl = 'http://x'\n"
    f"template = '{fill(chr(34) + chr(92))}'",
    "strings without an end": fill('"\\'),
}


@pytest.mark.parametrize("text", SLOW.values(), ids=SLOW)
def test_file_that_is_slow_to_read_is_refused_in_bounded_steps(text: str) -> None:
    def read() -> PolicyFileError | None:
        try:
            parse_policies(text.encode(), "p.toml")
        except PolicyFileError as error:
            return error
        return None

    effort = effort_of(read)
    assert effort.result is not None
    assert 1 <= len(effort.result.mistakes) <= 101
    assert effort.steps < MOST_STEPS
    assert effort.peak_bytes < 16 << 20


def test_an_array_that_is_too_long_is_called_so() -> None:
    text = f"{MATCH}comm = [{'1,' * 300}]"
    with pytest.raises(PolicyFileError) as caught:
        parse_policies(text.encode(), "p.toml")
    found = [one.found for one in caught.value.mistakes if one.key == "policy[0].match.comm"]
    assert found == ["an array of more than 256 elements"]


def test_a_file_of_many_mistakes_lists_a_hundred_of_them() -> None:
    with pytest.raises(PolicyFileError) as caught:
        parse_policies(("k = 1\n" + "".join(f"k{n} = 1\n" for n in range(999))).encode(), "p")
    assert len(caught.value.mistakes) == 101
    assert caught.value.mistakes[0].found == "a hundred mistakes"
