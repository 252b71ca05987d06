"""Real Go modules as workspaces: fetched by the go command, copied where gopls may edit."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

# About 700 packages of real code with dependencies outside the standard library, and a
# go line (1.19) that every Go here is new enough for.
MODULE = "golang.org/x/tools"
VERSION = "v0.24.0"
DOWNLOAD_SECONDS = 300


class ModuleMissingError(Exception):
    """A module is neither in the module cache nor to be had from a proxy; go's own words."""


def module_workspace(
    folder: Path,
    environment: Mapping[str, str] | None = None,
    module: str = MODULE,
    version: str = VERSION,
) -> Path:
    """A writable copy of a module at `folder`, its dependencies in the module cache.

    ModuleMissingError when a proxy is needed and out of reach.
    """
    found = _go(["mod", "download", "-json", f"{module}@{version}"], Path("/"), environment)
    # The module cache is read-only, files and folders alike.
    shutil.copytree(json.loads(found)["Dir"], folder, copy_function=shutil.copyfile)
    for path, _, _ in os.walk(folder):
        Path(path).chmod(0o755)
    _go(["mod", "download"], folder, environment)
    return folder


def go_files(folder: Path) -> list[Path]:
    """The module's Go files in a fixed order, without tests and test data."""
    return sorted(
        path
        for path in folder.rglob("*.go")
        if "testdata" not in path.parts and not path.name.endswith("_test.go")
    )


def _go(arguments: list[str], folder: Path, environment: Mapping[str, str] | None) -> str:
    try:
        return subprocess.run(
            ["go", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=DOWNLOAD_SECONDS,
        ).stdout
    except subprocess.CalledProcessError as error:
        # `go mod download -json` says its errors on stdout.
        words = (error.stderr or error.stdout).strip()
        raise ModuleMissingError(f"go {' '.join(arguments)}: {words}") from error
