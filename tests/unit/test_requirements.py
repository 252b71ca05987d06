"""What may run as root is installed by hash, and nothing that it needs is left out."""

import re
import tomllib
from collections.abc import Iterable
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.build import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LIST = (ROOT / "scripts" / "requirements.txt").read_text()
ENTRY = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>[0-9.]+)"
    r"(?: \\\n    --hash=sha256:[0-9a-f]{64})+  # \S.*$",
    re.MULTILINE,
)
ENTRIES = {found["name"]: found for found in ENTRY.finditer(LIST)}
TOOLS_LIST = (ROOT / "scripts" / "dev-requirements.txt").read_text()
TOOL = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>[0-9.]+)(?: \\\n    --hash=sha256:[0-9a-f]{64})+"
    r"\n    # via(?: \S.*|(?:\n    #   \S.*)+)$",
    re.MULTILINE,
)
TOOLS = {found["name"]: found for found in TOOL.finditer(TOOLS_LIST)}
EDITABLE = "editables"
"""What hatchling asks for at an editable installation, and names in no metadata."""


def needed(names: Iterable[str]) -> set[str]:
    """These distributions, and what they require here, as their metadata says."""
    found: set[str] = set()
    queue = list(names)
    while queue:
        requirement = Requirement(queue.pop())
        name = canonicalize_name(requirement.name)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        if name not in found:
            found.add(name)
            queue += metadata.requires(name) or ()
    return found


@pytest.fixture
def _made_by_setup() -> None:
    try:
        metadata.version("hatchling")
    except metadata.PackageNotFoundError:
        pytest.skip("scripts/setup has not made this environment: it has no hatchling")


@pytest.mark.usefixtures("_made_by_setup")
def test_the_list_is_what_the_project_and_its_build_need() -> None:
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]
    assert set(ENTRIES) == needed(wanted) | {EDITABLE}


def test_every_line_has_a_hash_and_says_what_it_is_for() -> None:
    rest = ENTRY.sub("", LIST)
    lines = {line for line in rest.splitlines() if line and not line.startswith("#")}
    assert lines == {"--require-hashes", "--only-binary :all:"}


@pytest.mark.usefixtures("_made_by_setup")
@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_the_version_of_the_list_is_the_one_that_is_tested(name: str) -> None:
    assert metadata.version(name) == ENTRIES[name]["version"]


@pytest.mark.usefixtures("_made_by_setup")
def test_the_tools_list_is_what_the_project_and_its_tests_need() -> None:
    project = PROJECT["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    assert set(TOOLS) == needed(wanted)


def test_every_tool_has_a_hash_and_says_what_needs_it() -> None:
    rest = TOOL.sub("", TOOLS_LIST)
    assert not [line for line in rest.splitlines() if line and not line.startswith("#")]


@pytest.mark.usefixtures("_made_by_setup")
@pytest.mark.parametrize("name", sorted(TOOLS))
def test_the_version_of_a_tool_is_the_same_everywhere(name: str) -> None:
    version = TOOLS[name]["version"]
    assert metadata.version(name) == version
    assert name not in ENTRIES or ENTRIES[name]["version"] == version


def test_setup_installs_nothing_without_a_hash() -> None:
    setup = (ROOT / "scripts" / "setup").read_text().replace("\\\n", " ")
    first, second, last = re.findall(r'"\$venv/bin/python" -m pip (install .*)', setup)
    assert "--requirement scripts/requirements.txt" in first
    assert "--require-hashes" in second
    assert "--requirement scripts/dev-requirements.txt" in second
    assert "--no-build-isolation" in last, "else pip fetches the build's own, without a hash"
    assert "--no-deps" in last
