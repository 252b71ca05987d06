"""Real gopls, in each version it is tested with, and a real module to work on."""

from pathlib import Path

import pytest

from tests.support.gomodule import ModuleMissingError, module_workspace
from tests.support.gopls_install import (
    TOOLCHAINS,
    GoplsMissingError,
    gopls_binary,
    gopls_environment,
)
from tests.support.gopls_session import Gopls
from tests.support.privileges import required


@pytest.fixture(params=list(TOOLCHAINS))
def gopls(request: pytest.FixtureRequest, tmp_path: Path) -> Gopls:
    """Each version in turn; one that is missing is skipped by name.

    With EBPFTRACE_REQUIRE_GOPLS=1 it fails instead.
    """
    version: str = request.param
    try:
        binary = gopls_binary(version)
        environment = {**gopls_environment(version), "GOPLSCACHE": str(tmp_path / "cache")}
        workspace = module_workspace(tmp_path / "workspace", environment)
    except (GoplsMissingError, ModuleMissingError) as error:
        if required("gopls"):
            pytest.fail(f"EBPFTRACE_REQUIRE_GOPLS=1, but {error}", pytrace=False)
        pytest.skip(str(error))
    return Gopls(version, binary, workspace, environment)
