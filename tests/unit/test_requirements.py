"""What runs as root is installed by hash, and nothing that it needs is left out."""

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


def test_what_comes_by_hash_is_not_bounded_a_second_time() -> None:
    constraints = (ROOT / "scripts" / "constraints.txt").read_text()
    bounded = {line.split("==")[0] for line in constraints.splitlines() if "==" in line}
    assert not bounded & set(ENTRIES)


def test_setup_installs_by_hash_before_anything_else() -> None:
    setup = (ROOT / "scripts" / "setup").read_text().replace("\\\n", " ")
    first, second = re.findall(r'"\$venv/bin/python" -m pip (install .*)', setup)
    assert "--requirement scripts/requirements.txt" in first
    assert "--no-build-isolation" in second, "else pip fetches the build's own, without a hash"
