import json
from pathlib import Path

from ebpftrace.golang.serve import answer
from tests.support.elfs import program


def asked(what: str, path: Path) -> object:
    return json.loads(answer(json.dumps([what, str(path)]).encode()))


def test_answers_say_what_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / "tool"
    file.write_bytes(program("go1.22", "path\texample.com/tool\nmod\texample.com\tv1.2.3\t\n"))
    assert asked("program", file) == ["example.com/tool"]
    assert asked("version", file) == ["v1.2.3"]


def test_other_files_have_no_answer(tmp_path: Path) -> None:
    assert asked("program", Path("/bin/true")) == []
    assert asked("program", tmp_path / "missing") == []
    assert asked("version", tmp_path / "missing") == [""]
