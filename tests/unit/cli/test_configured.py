"""What decides where an option is given twice: command line, environment, file, default."""

import json
from collections.abc import Mapping
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ebpftrace.cli.configured import ConfiguredCommand


@click.command("watch", cls=ConfiguredCommand)
@click.option("--comm", "comms", multiple=True)
@click.option("--max-memory", envvar="EBPFTRACE_MAX_MEMORY", default="1GiB")
@click.option("--children", is_flag=True)
@click.option("--growth")
@click.option("--config")
@click.option("--no-config", is_flag=True)
def command(**values: object) -> None:
    """Print what it was given."""
    click.echo(json.dumps(values))


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The policy file in the user's default place."""
    folder = tmp_path / "ebpftrace"
    folder.mkdir()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    written = folder / "policy.toml"
    written.write_text(
        '[watch]\ncomm = "file"\nmax-memory = "2GiB"\nchildren = true\n', encoding="utf-8"
    )
    return written


def given(*arguments: str, env: Mapping[str, str] | None = None) -> dict[str, object]:
    done = CliRunner().invoke(command, arguments, env=env, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    values: dict[str, object] = json.loads(done.output)
    return values


@pytest.mark.usefixtures("file")
def test_the_file_comes_before_the_defaults() -> None:
    values = given()
    assert values["comms"] == ["file"]
    assert values["max_memory"] == "2GiB"
    assert values["children"] is True


@pytest.mark.usefixtures("file")
def test_the_environment_comes_before_the_file() -> None:
    env = {"EBPFTRACE_WATCH_COMM": "one two", "EBPFTRACE_WATCH_CHILDREN": "0"}
    values = given(env=env | {"EBPFTRACE_MAX_MEMORY": "3GiB"})
    assert values["comms"] == ["one", "two"]
    assert values["children"] is False
    assert values["max_memory"] == "3GiB"


@pytest.mark.usefixtures("file")
def test_the_command_line_comes_first() -> None:
    env = {"EBPFTRACE_WATCH_COMM": "environment"}
    assert given("--comm", "line", env=env)["comms"] == ["line"]


@pytest.mark.usefixtures("file")
def test_an_empty_variable_is_none() -> None:
    assert given(env={"EBPFTRACE_WATCH_COMM": ""})["comms"] == ["file"]


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize("arguments", [("--no-config",), ("--growth", "1MiB/1s")])
def test_the_default_file_can_be_left_out(arguments: tuple[str, ...]) -> None:
    assert given(*arguments)["comms"] == []
    name = arguments[0].strip("-").upper().replace("-", "_")
    assert given(env={f"EBPFTRACE_WATCH_{name}": "1"})["comms"] == []


@pytest.mark.usefixtures("file")
def test_another_file_takes_the_place_of_the_default_one(tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text('[watch]\ncomm = "other"\n', encoding="utf-8")
    assert given("--config", str(other))["comms"] == ["other"]
    assert given(env={"EBPFTRACE_WATCH_CONFIG": str(other)})["comms"] == ["other"]


def test_help_is_shown_whatever_the_file_has(file: Path) -> None:
    file.write_text("[watch", encoding="utf-8")
    assert CliRunner().invoke(command, ["--help"]).exit_code == 0


def test_a_wrong_value_of_the_environment_is_refused() -> None:
    done = CliRunner().invoke(command, [], env={"EBPFTRACE_WATCH_CHILDREN": "maybe"})
    assert done.exit_code == 2
    assert "'maybe' is not a valid boolean" in done.output
