"""Builds the programs that tests/fleet runs: `python -m tests.fleet.tools.build`.

They land in `$XDG_CACHE_HOME/ebpftrace-fleet/KEY/bin`, and what is there is not built again.
The key is of all that decides what comes out: go.mod and go.sum, the version of Go and the
flags. Everything cold takes ten minutes and 3 GB of Go's own cache on two processors.
"""

import hashlib
import os
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
MAKE = "make fleet-tools"
_FLAGS = ("-p", "2", "-trimpath", "-buildvcs=false")
_COMPONENT = "k8s.io/component-base/version"


class Program(NamedTuple):
    """What is built: its name, the folder with its go.mod, its package, and the module whose
    version the linker writes into it; "" where none is to be."""

    name: str
    module: str
    package: str
    version_of: str = ""


PROGRAMS = (
    Program("etcd", "etcd", "go.etcd.io/etcd/server/v3"),
    *(
        Program(name, "kubernetes", f"k8s.io/kubernetes/cmd/{name}", "k8s.io/kubernetes")
        for name in (
            "kube-apiserver", "kubectl", "kube-controller-manager", "kubelet", "kube-scheduler"
        )
    ),
    Program("helm", "helm", "helm.sh/helm/v3/cmd/helm"),
)  # fmt: skip


@cache
def folder() -> Path | None:
    """Where the programs of this checkout are, or will be; None without Go."""
    try:
        version = subprocess.run(
            ["go", "env", "GOVERSION", "GOARCH"], cwd=HERE / "etcd", capture_output=True,
            text=True, check=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return None
    key = hashlib.sha256(repr((version, _FLAGS)).encode())
    for file in sorted([*HERE.glob("*/go.mod"), *HERE.glob("*/go.sum")]):
        key.update(file.read_bytes())
    cached = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cached) / "ebpftrace-fleet" / key.hexdigest()[:16] / "bin"


def program(name: str) -> Path | None:
    """The built program; None where it was not built."""
    there = folder()
    found = None if there is None else there / name
    return found if found is not None and found.exists() else None


def build(wanted: Program, into: Path) -> None:
    """Build one. CalledProcessError if Go cannot; Go says why."""
    partly = into / f".{wanted.name}.{os.getpid()}"
    command: list[str | Path] = [
        "go",
        "build",
        *_FLAGS,
        "-ldflags",
        _linking(wanted),
        "-o",
        partly,
    ]
    subprocess.run(
        [*command, wanted.package],
        cwd=HERE / wanted.module,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"},
        check=True,
    )
    partly.rename(into / wanted.name)


def main(names: list[str]) -> int:
    """Build what is missing of these programs, or of all; with `--check` only say what is."""
    into = folder()
    if into is None:
        print("the programs of Kubernetes cannot be built: go is not installed")
        return 69
    if names == ["--check"]:
        missing = [one.name for one in PROGRAMS if not (into / one.name).exists()]
        print("not built:" if missing else "all built", *missing)
        return 69 if missing else 0
    into.mkdir(parents=True, exist_ok=True)
    for number, wanted in enumerate(PROGRAMS, 1):
        head = f"[{number}/{len(PROGRAMS)}] {wanted.name}"
        if (into / wanted.name).exists():
            print(f"{head}: there already", flush=True)
        elif not names or wanted.name in names:
            print(f"{head}: building …", flush=True)
            began = time.monotonic()
            try:
                build(wanted, into)
            except subprocess.CalledProcessError as error:
                print(f"{head}: go ended with {error.returncode}; its reason is above")
                return 69
            size = (into / wanted.name).stat().st_size
            print(f"{head}: {time.monotonic() - began:.0f} s, {size / 1e6:.0f} MB", flush=True)
    print(f"the programs are in {into}")
    return 0


def _linking(wanted: Program) -> str:
    """Flags of the linker: without debug information, and with the version, which Kubernetes'
    programs have from their own build alone."""
    flags = "-s -w"
    if wanted.version_of:
        version = _version(wanted)
        major, minor, _ = version.removeprefix("v").split(".", 2)
        for name, value in (("Version", version), ("Major", major), ("Minor", minor)):
            flags += f" -X {_COMPONENT}.git{name}={value}"
    return flags


def _version(wanted: Program) -> str:
    words = (HERE / wanted.module / "go.mod").read_text(encoding="utf-8").split()
    return words[words.index(wanted.version_of) + 1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
