"""Comments and continued lines."""

import pytest

from ebpftrace.doctor.files.formats.lines import Line, joined, source_of, without_comment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a # b", "a "),
        ("a#b", "a#b"),
        ("'# a' # b", "'# a' "),
        ("# a", ""),
        ("\\' # a", "\\' "),
        ("it's # a", "it's # a"),  # a quote that is open
    ],
)
def test_a_comment_begins_a_word_outside_of_quotes(text: str, expected: str) -> None:
    assert without_comment(text) == expected


def test_continued_lines_keep_their_places() -> None:
    texts = ["a \\", "  b", "c # \\", "d"]
    groups = list(joined([Line(number, text) for number, text in enumerate(texts, 1)]))
    assert [[line.number for line in group] for group in groups] == [[1, 2], [3], [4]]
    source = source_of(groups[0])
    assert source.place(source.text.index("b")) == (2, 3)


def test_a_comment_between_ends_no_instruction_of_a_dockerfile() -> None:
    lines = [Line(1, "RUN a && \\"), Line(2, "  # b"), Line(3, "  c")]
    (group,) = joined(lines, comments_between=True)
    assert [line.number for line in group] == [1, 3]
