"""vagrant/: the Vagrantfile parses and names what it should, the units what there is."""

import configparser
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ebpftrace.demo import client
from tests.vm.image import image_is_made_from
from tests.vm.paths import ROOT

VAGRANT = ROOT / "vagrant"
SCRIPTS = ROOT / "scripts"
UNITS = sorted((VAGRANT / "units").iterdir())


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    """What the Vagrantfile configures, by a stand-in for Vagrant; real Ruby runs it."""
    if (ruby := shutil.which("ruby")) is None:
        pytest.skip("ruby is not installed; the machines of tests/vm have it")
    stand_in = Path(__file__).parent / "vagrant_stand_in.rb"
    done = subprocess.run(
        [ruby, "-w", stand_in, VAGRANT / "Vagrantfile"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["version"] == "2"
    vm: dict[str, Any] = found["config"]["vm"]
    return vm


def test_box_is_debian_12(config: dict[str, Any]) -> None:
    assert config["box"] == "debian/bookworm64"


def test_both_providers_have_two_processors_and_four_gibibytes(config: dict[str, Any]) -> None:
    enough = {"cpus": 2, "memory": 4096}
    assert config["provider"] == {"virtualbox": enough, "libvirt": enough}


def test_tree_is_shared_where_provision_expects_it(config: dict[str, Any]) -> None:
    shared = {there: (here, options) for here, there, options in config["synced_folder"]}
    here, options = shared["/opt/ebpftrace"]
    assert (VAGRANT / here).resolve() == ROOT
    assert options["type"] == "rsync"
    assert ".venv/" in options["rsync__exclude"], "the host's paths are in it"
    assert "cd /opt/ebpftrace\n" in (VAGRANT / "provision.sh").read_text()


def test_vagrant_provisions_by_the_script_of_the_test_image(config: dict[str, Any]) -> None:
    ((kind, options),) = config["provision"]
    assert kind == "shell"
    assert VAGRANT / options["path"] in image_is_made_from()


def test_changed_unit_makes_another_image() -> None:
    assert set(UNITS) < set(image_is_made_from())


def test_changed_script_of_provision_makes_another_image() -> None:
    scripts = SCRIPTS.glob("*")
    texts = [provision(), *((SCRIPTS / name).read_text() for name in ("setup", "apt-install"))]
    run = {script for script in scripts for text in texts if f"scripts/{script.name}" in text}
    assert SCRIPTS / "apt-install" in run
    assert run <= set(image_is_made_from())


def test_bare_machine_has_no_package_that_provision_installs() -> None:
    """Else its apt-get would never run, and what it lacks not be noticed."""
    (words,) = re.findall(r"scripts/apt-install ([a-z -]+)", provision())
    rows = re.findall(r'echo "(.*\|.*)"$', (SCRIPTS / "setup").read_text(), re.MULTILINE)
    installed = {*words.split(), *(name for row in rows for name in row.split("|")[2].split())}
    assert installed >= {"golang-go", "make", "python3-venv", "python3-bpfcc", "gcc", "tmux"}
    assert not installed & set((ROOT / "tests" / "vm" / "packages.txt").read_text().split())


def test_vagrant_files_name_the_box_and_the_script() -> None:
    """Where there is no Ruby either: the words, at least."""
    text = (VAGRANT / "Vagrantfile").read_text()
    for words in ('"debian/bookworm64"', '"virtualbox"', '"libvirt"', '"provision.sh"'):
        assert words in text


def test_every_enabled_unit_exists() -> None:
    enabled = re.search(r"^systemctl enable (.*)$", provision(), re.MULTILINE)
    assert enabled
    names = {re.sub(r"@.*\.", "@.", name) for name in enabled[1].split()}
    assert names == {unit.name for unit in UNITS if unit.suffix == ".service"}


def test_gopls_has_a_slice_with_a_limit() -> None:
    service = unit("gopls.service")["Service"]
    assert service["Slice"] == "gopls.slice"
    assert re.fullmatch(r"\d+[MG]", unit("gopls.slice")["Slice"]["MemoryMax"])


def test_client_module_exists() -> None:
    command = unit("gopls-client@.service")["Service"]["ExecStart"]
    assert command.split()[1:3] == ["-m", client.__name__]


def unit(name: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((VAGRANT / "units" / name).read_text().replace("\\\n", " "))
    return parser


def provision() -> str:
    return (VAGRANT / "provision.sh").read_text()
