"""The tables of a policy file that have a command's options."""

import json
from pathlib import Path

import click
import fastjsonschema
import pytest
from click.testing import CliRunner

from ebpftrace.act.policy.file import PolicyFileError, read_policies
from ebpftrace.cli.configured import ConfiguredCommand, long_name
from ebpftrace.cli.parameters import Duration
from ebpftrace.cli.policy import policy
from ebpftrace.cli.settings import read_settings


@click.command("watch", cls=ConfiguredCommand)
@click.option("--comm", "comms", multiple=True)
@click.option("--interval", type=Duration(), default="1s")
@click.option("--children", is_flag=True)
@click.option("--growth")
@click.option("--config")
@click.option("--print-it", is_flag=True, expose_value=False)
def command(**values: object) -> None:
    """Print what it was given."""
    click.echo(json.dumps(values))


def settings(tmp_path: Path, text: str) -> dict[str, object]:
    file = tmp_path / "policy.toml"
    file.write_text(text, encoding="utf-8")
    return read_settings(file, command, obeyed=False)


def mistakes(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(PolicyFileError) as raised:
        settings(tmp_path, text)
    return [f"{one.line}: {one}" for one in raised.value.mistakes]


def test_values_are_what_the_command_line_would_have(tmp_path: Path) -> None:
    text = '[watch]\ncomm = ["a", 7]\ninterval = "2s"\nchildren = true\n'
    assert settings(tmp_path, text) == {
        "comms": ["a", "7"],
        "interval": "2s",
        "children": True,
    }


def test_one_value_stands_for_an_array(tmp_path: Path) -> None:
    assert settings(tmp_path, '[watch]\ncomm = "gopls"\n') == {"comms": ["gopls"]}


def test_a_file_of_policies_alone_has_no_options(tmp_path: Path) -> None:
    assert settings(tmp_path, '[[policy]]\nname = "x"\n') == {}
    assert settings(tmp_path, "[serve]\nlisten = 1\n") == {}  # another command's


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('intervall = "2s"', 'watch.intervall: found an unknown key, expected "interval"'),
        ('config = "x"', "watch.config: found an unknown key"),
        ("print-it = true", "watch.print-it: found an unknown key"),
        ('interval = "10ms"', 'watch.interval: found "10ms": at least 100ms'),
        ("interval = [1]", "watch.interval: found an array, expected a string or a number"),
        ("interval = true", "watch.interval: found true, expected a string or a number"),
        ('children = "yes"', 'watch.children: found "yes", expected true or false'),
        ("comm = [[]]", "watch.comm: found an array, expected a string or a number, or an"),
        ('comm = ""', 'watch.comm: found "", expected'),
        ('growth = "1MiB/s"', "watch.growth: found an option that makes a policy"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, line: str, expected: str) -> None:
    (told,) = mistakes(tmp_path, f"\n[watch]\n{line}\n")
    assert told.startswith(f"3: {expected}"), told


def test_the_table_is_a_table(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "watch = 1\n") == ["1: watch: found 1, expected a table"]


def test_all_mistakes_are_told_at_once_up_to_a_hundred(tmp_path: Path) -> None:
    lines = "".join(f"x{number} = 1\n" for number in range(300))
    assert len(mistakes(tmp_path, f"[watch]\n{lines}")) == 101


def test_a_file_with_options_alone_has_no_policies(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('[watch]\ncomm = "x"\n', encoding="utf-8")
    assert read_policies(file, obeyed=False) == ()
    file.write_text('[wacht]\ncomm = "x"\n', encoding="utf-8")
    with pytest.raises(PolicyFileError) as raised:
        read_policies(file, obeyed=False)
    assert 'wacht: found an unknown key, expected "watch"' in raised.value.why


def test_policy_check_reports_mistakes_in_the_options(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('[watch]\ncom = "x"\n', encoding="utf-8")
    done = CliRunner().invoke(policy, ["check", str(file)])
    assert done.exit_code == PolicyFileError.exit_code
    assert ":2: watch.com: found an unknown key" in " ".join(done.output.split())
    file.write_text('[watch]\ncomm = "x"\n', encoding="utf-8")
    said = CliRunner().invoke(policy, ["check", str(file)]).output
    assert " ".join(said.split()).endswith(": no policy")  # a long path wraps the line


def test_the_printed_schema_has_every_option() -> None:
    text = CliRunner().invoke(policy, ["schema"]).output
    printed = json.loads(text)
    validate = fastjsonschema.compile(printed)
    validate({"watch": {"comm": ["gopls"], "interval": "2s", "children": True}})
    wrongs: tuple[dict[str, object], ...] = (
        {}, {"watch": {"com": 1}}, {"watch": {"children": "yes"}}, {"policy": []},
    )  # fmt: skip
    for wrong in wrongs:
        with pytest.raises(fastjsonschema.JsonSchemaException):
            validate(wrong)
    properties = printed["properties"]["watch"]["properties"]
    assert {"comm", "audit", "max-memory", "dry-run"} <= set(properties)
    assert not {"config", "growth", "help"} & set(properties)


def test_the_name_of_an_option_is_its_long_one() -> None:
    assert long_name(click.Option(["-x", "--max-series", "series"])) == "max-series"
