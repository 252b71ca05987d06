"""Installs the versions of gopls the tests drive, as Go modules: `python -m` this file.

Each lands in `.cache/gopls/<version>/gopls` (or below EBPFTRACE_GOPLS_DIR) and is left
alone when it is there. v0.24.0 needs Go 1.27, which the go command fetches by itself as
a module; v0.14.2 does not compile with Go 1.26 and later, and needs the Go it was built
with first in PATH when it runs.
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.support.build import CACHE

# Version: the Go to build it with, as GOTOOLCHAIN takes it.
TOOLCHAINS = {"v0.14.2": "go1.21.13", "v0.24.0": "auto"}
INSTALL_SECONDS = 1200


class GoplsMissingError(Exception):
    """A version of gopls is not installed, or cannot be; says which, and why."""


def gopls_folder() -> Path:
    """Where the versions are: EBPFTRACE_GOPLS_DIR, else `.cache/gopls`."""
    return Path(os.environ.get("EBPFTRACE_GOPLS_DIR", CACHE / "gopls"))


def gopls_binary(version: str) -> Path:
    """The installed gopls of this version; GoplsMissingError where there is none."""
    binary = gopls_folder() / version / "gopls"
    if not binary.exists():
        raise GoplsMissingError(
            f"gopls {version} is not installed in {binary.parent}"
            " (python -m tests.support.gopls_install)"
        )
    return binary


@cache
def gopls_environment(version: str) -> dict[str, str]:
    """The environment a version runs in: the Go it understands is first in PATH.

    GoplsMissingError where that Go is neither there nor to be had.
    """
    if shutil.which("go") is None:
        raise GoplsMissingError(f"gopls {version}: go is not installed")
    environment = dict(os.environ)
    if (toolchain := TOOLCHAINS[version]) != "auto":
        found = subprocess.run(
            ["go", "env", "GOROOT"],
            env={**os.environ, "GOTOOLCHAIN": toolchain},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if found.returncode != 0:
            raise GoplsMissingError(f"gopls {version}: {found.stderr.strip()}")
        root = found.stdout.strip()
        environment["PATH"] = f"{root}/bin:{environment['PATH']}"
    # What is first in PATH is what runs: no module's go line fetches another.
    environment["GOTOOLCHAIN"] = "local"
    return environment


def install(version: str) -> Path:
    """Build a version unless it is there; GoplsMissingError with go's own words."""
    folder = gopls_folder() / version
    if (folder / "gopls").exists():
        return folder / "gopls"
    if shutil.which("go") is None:
        raise GoplsMissingError(f"gopls {version}: go is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(
            ["go", "install", f"golang.org/x/tools/gopls@{version}"],
            env={**os.environ, "GOTOOLCHAIN": TOOLCHAINS[version], "GOBIN": str(folder)},
            cwd="/",  # no go.mod on the way may have a say
            stderr=subprocess.PIPE,
            text=True,
            check=True,
            timeout=INSTALL_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise GoplsMissingError(f"gopls {version}: go install took too long") from error
    except subprocess.CalledProcessError as error:
        raise GoplsMissingError(f"gopls {version}: {error.stderr.strip()}") from error
    return gopls_binary(version)


def main() -> int:
    """Install the versions that are named, else all.

    Exit code 1: one that was named cannot be installed. Of all, those that cannot be are
    printed, and the reason for skipping their tests names them too.
    """
    named = sys.argv[1:]
    code = 0
    for version in named or TOOLCHAINS:
        try:
            print(f"gopls {version}: {install(version)}", flush=True)
        except GoplsMissingError as error:
            skipped = "" if named else ", its tests will be skipped"
            print(f"not installed{skipped}: {error}", file=sys.stderr)
            code = 1 if named else 0
    return code


if __name__ == "__main__":
    sys.exit(main())
