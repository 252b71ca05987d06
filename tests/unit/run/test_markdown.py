"""The Markdown of a result: nothing of a process's name is markup."""

from ebpftrace.run.command import CommandEnd
from ebpftrace.run.markdown import markdown
from ebpftrace.run.result import RunResult

MIB = 1 << 20
SECOND = 10**9


def result(**changes: object) -> RunResult:
    made = RunResult(
        ("go", "test"), CommandEnd(0, 0, 30 * SECOND), 512 * MIB, 256 * MIB,
        "Its processes held", "gopls 7", watched=True,
        points=tuple((at * SECOND, at * 8 * MIB) for at in range(1, 31)),
    )  # fmt: skip
    return made._replace(**changes)  # type: ignore[arg-type]


def test_good_run_has_its_figures_and_a_chart() -> None:
    text = markdown(result())
    assert text.startswith("### ✅ ebpftrace: memory of `go test`\n")
    assert "It ended with exit code 0 after 30s\\. Its processes held at most 256 MiB" in text
    chart = text.partition("```text\n")[2].partition("```")[0]
    assert "512 MiB" in chart
    assert max(len(line) for line in chart.splitlines()) <= 100


def test_bad_run_has_a_sign_and_a_short_one_no_chart() -> None:
    text = markdown(result(end=CommandEnd(1, 0, SECOND), points=((1, 1),)))
    assert text.startswith("### ⚠️")
    assert "```" not in text


def test_names_are_no_markup_and_many_lines_are_cut() -> None:
    hostile = "<img src=x> | [a](http://b) `c` **d**"
    text = markdown(result(command=(hostile, "`"), holder=hostile, notes=(hostile,) * 60))
    head, *rest = text.split("\n")
    assert head.count("`") == 2
    body = "\n".join(rest)
    for sign in ("<img", "|", "[a]", "**"):
        assert body.count(sign) == body.count("\\" + sign) or f"\\{sign[0]}" in body
    assert "<img" not in body.replace("\\<img", "")
    assert "… and 10 more" in text
