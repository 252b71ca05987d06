"""YAML: which keys are settings, which values are commands, and where they are."""

from ebpftrace.doctor.files.formats.yaml import statements
from tests.support.statements import found_in


def read(text: str) -> tuple[dict[str, tuple[str, tuple[str, ...]]], list[list[str]]]:
    settings, commands = found_in(statements, text)
    return {name: (value, parents) for name, value, parents in settings}, commands


def test_keys_have_values_and_parents() -> None:
    settings, _ = read("a:\n  b:\n    \"c\": 'd' # e\n  f: g\nh: i\n")
    assert settings["c"] == ("d", ("a", "b"))
    assert settings["f"] == ("g", ("a",))
    assert settings["h"] == ("i", ())


def test_blocks_are_scripts_that_end_with_their_indentation() -> None:
    _, commands = read("- run: |\n    a: b # c\n\n    d\n  name: e\n- f\n- |\n  g\n")
    assert commands == [["a:", "b"], ["d"], ["f"], ["g"]]


def test_a_folded_block_is_one_line() -> None:
    assert read("run: >-\n  a\n  -b # c\n  -d\n")[1] == [["a", "-b", "-d"]]


def test_lists_and_sequences_of_words_are_commands() -> None:
    text = "x: [\"a\", '-b', c d]\ny:\n  - e\n  - -f\n  - g h\nz:\n  - i\n  - j\n"
    assert read(text)[1] == [["a", "-b", "c d"], ["e", "-f"], ["g", "h"], ["i"], ["j"]]


def test_names_for_people_are_no_commands() -> None:
    assert read("- name: a b\n  description: c\n  if: d\n")[1] == []


def test_a_variable_of_a_pod_has_the_value_of_the_next_line() -> None:
    settings, _ = read("env:\n- name: A\n  value: b\n- name: C\n- value: d\n")
    assert settings["A"][0] == "b"
    assert "C" not in settings
