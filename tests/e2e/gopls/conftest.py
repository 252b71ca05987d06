"""Real gopls, in each version it is tested with, and a real module to work on."""

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


@pytest.fixture(scope="module", params=list(TOOLCHAINS))
def gopls(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Gopls:
    """Each version in turn; one that is missing is skipped by name.

    With EBPFTRACE_REQUIRE_GOPLS=1 it fails instead.
    """
    version: str = request.param
    folder = tmp_path_factory.mktemp("gopls")
    try:
        binary = gopls_binary(version)
        environment = {**gopls_environment(version), "GOPLSCACHE": str(folder / "cache")}
        workspace = module_workspace(folder / "workspace", environment)
    except (GoplsMissingError, ModuleMissingError) as error:
        if required("gopls"):
            pytest.fail(f"EBPFTRACE_REQUIRE_GOPLS=1, but {error}", pytrace=False)
        pytest.skip(str(error))
    return Gopls(version, binary, workspace, environment)
