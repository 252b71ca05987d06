"""JSON with comments."""

from ebpftrace.doctor.files.formats.json import statements
from ebpftrace.doctor.files.formats.lines import Line
from ebpftrace.doctor.files.statements import Assignment
from tests.support.statements import found_in


def read(text: str) -> tuple[list[tuple[str, str, tuple[str, ...]]], list[list[str]]]:
    return found_in(statements, text)


def test_keys_have_values_and_parents_and_comments_are_left_out() -> None:
    settings, _ = read('{"a": {"b": 1, // "c": 2\n "d": "e"}, /* "f": 3 */ "g": true}')
    assert settings == [("b", "1", ("a",)), ("d", "e", ("a",)), ("g", "true", ())]


def test_programs_and_their_arguments_are_commands() -> None:
    text = '{"command": "gopls", "args": ["-v", "mcp"], "x": {"args": ["y"]}}'
    assert read(text)[1] == [["gopls"], ["gopls", "-v", "mcp"], ["y"]]


def test_the_flags_of_the_go_extension_are_those_of_gopls() -> None:
    assert read('{"go.languageServerFlags": ["-v"]}')[1] == [["gopls", "-v"]]


def test_scripts_and_commands_are_shell() -> None:
    text = '{"scripts": {"x": "a; b"}, "postCreateCommand": "c", "description": "d"}'
    assert read(text)[1] == [["a"], ["b"], ["c"]]


def test_places_are_those_in_the_file() -> None:
    lines = [Line(1, "{"), Line(2, '  "a": "b"')]
    (one,) = (each for each in statements(lines) if isinstance(each, Assignment))
    assert (one.name.start, one.value.start, one.value.end) == ((2, 3), (2, 8), (2, 11))


def test_what_is_too_deep_is_left_out_and_what_follows_is_read() -> None:
    text = '{"a": ' * 100 + "1" + "}" * 100
    assert read(f"[{text}, " + '{"b": 2}]')[0] == [("b", "2", ())]
