"""`ebpftrace incidents`: what it prints and exports, and how it refuses."""

import io
import json
import os
import stat
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ebpftrace.cli.incidents import incidents
from ebpftrace.errors import EbpftraceError, GoneError, UntrustedError, UsageError
from tests.support.saved import ID, LATER, lines, save, write_log


@pytest.fixture
def places(tmp_path: Path) -> tuple[str, ...]:
    """The options that name a log with one incident, and its evidence."""
    write_log(tmp_path / "audit.jsonl", *lines())
    save(tmp_path / "saved")
    return ("--audit", str(tmp_path / "audit.jsonl"), "--folder", str(tmp_path / "saved"))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(incidents, list(arguments))


def test_the_list_is_what_is_shown_without_a_command(places: tuple[str, ...]) -> None:
    result = run(*places)
    assert result.output == run("list", *places).output
    heading, row = result.output.splitlines()
    assert heading.split() == ["INCIDENT", "JOB", "RESULT", "EVIDENCE"]
    assert row.split()[:3] == [ID, "build-42", "helped"]
    assert max(map(len, result.output.splitlines())) <= 80


def test_json_has_the_fields(places: tuple[str, ...]) -> None:
    listed = json.loads(run("list", "--json", *places).output)
    shown = json.loads(run("show", ID, "--json", *places).output)
    assert (listed["schema"], shown["schema"]) == (1, 1)
    (only,) = listed["incidents"]
    assert only.items() <= {**shown, "evidence": only["evidence"]}.items()
    assert [step["action"] for step in shown["steps"]] == ["signal"]


def test_one_incident_is_told_with_its_steps_and_files(places: tuple[str, ...]) -> None:
    output = run("show", ID, *places).output
    told = output.splitlines()
    assert told[0] == f"{ID}, policy leaks"
    assert "  signal: done in 2.0s: TERM: ended" in told
    assert "  helped: 312 MiB are free" in told
    assert any(row.split() == ["process-smaps", "1.5", "KiB"] for row in told), output
    assert max(map(len, told)) <= 80


def test_words_of_a_job_reach_no_terminal_raw(tmp_path: Path) -> None:
    evil = lines()
    evil[0]["facts"] = evil[0]["facts"] | {"job": "\x1b[2Jx\ny", "sentence": "\x1b]0;x\x07"}
    write_log(tmp_path / "audit.jsonl", *evil)
    for command in (("list",), ("show", ID)):
        result = run(*command, "--audit", str(tmp_path / "audit.jsonl"))
        assert "\x1b" not in result.output
        assert "\\x1b" in result.output


def test_an_export_is_a_new_file_of_its_owner_alone(
    places: tuple[str, ...], tmp_path: Path
) -> None:
    to = tmp_path / "out.tar"
    before = os.umask(0)
    try:
        assert run("export", ID, "--to", str(to), *places).exit_code == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE(to.stat().st_mode) == 0o600
    assert to.read_bytes() == run("export", ID, *places).stdout_bytes
    with tarfile.open(fileobj=io.BytesIO(to.read_bytes())) as tar:
        assert f"{ID}/process-smaps" in tar.getnames()


def test_an_export_overwrites_nothing(places: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    for name in ("there", "link", "none/out.tar"):
        result = run("export", ID, "--to", str(tmp_path / name), *places)
        assert isinstance(result.exception, EbpftraceError), name
        assert result.exception.fix
    assert (tmp_path / "there").read_text(encoding="utf-8") == "mine"


def test_an_export_that_fails_leaves_no_file(tmp_path: Path) -> None:
    folder = save(tmp_path / "saved")
    (folder / "odd").write_bytes(b"x")
    (folder / "odd").chmod(0o666)
    result = run("export", ID, "--to", str(tmp_path / "out"), "--folder", str(folder.parent),
                 "--audit", str(tmp_path / "none"))  # fmt: skip
    assert isinstance(result.exception, UntrustedError)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["..", f"../{ID}", "x", f"{ID}\n", "--"])
def test_what_is_no_id_is_wrong_usage(name: str, places: tuple[str, ...]) -> None:
    for command in ("show", "export"):
        result = run(command, *places, "--", name)
        assert isinstance(result.exception, UsageError)


def test_what_is_not_known_says_where_to_look(places: tuple[str, ...], tmp_path: Path) -> None:
    result = run("show", LATER, *places)
    assert isinstance(result.exception, GoneError)
    assert "--folder" in result.exception.fix
    result = run("--audit", str(tmp_path / "none"), "--folder", str(tmp_path / "no"))
    assert isinstance(result.exception, GoneError)
