"""Finds gopls and the go command on this machine."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_CLONE = Path(__file__).resolve().parents[2]
_ANSWER_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Gopls:
    """A working gopls, its version ("v0.24.0"), and the folder of the go command it uses."""

    path: Path
    version: str
    go_folder: Path


def find_gopls(environment: Mapping[str, str] = os.environ) -> Gopls | None:
    """The first gopls that runs; None without a go command, which gopls needs."""
    go = next(_executables("go", _go_folders(environment)), None)
    if go is None:
        return None
    for path in _executables("gopls", _gopls_folders(environment)):
        version = _ask_version(path, go.parent)
        if version:
            return Gopls(path, version, go.parent)
    return None


def _go_folders(environment: Mapping[str, str]) -> Iterator[Path]:
    yield from _path(environment)
    yield Path("/usr/local/go/bin")
    yield Path("/usr/lib/go/bin")


def _gopls_folders(environment: Mapping[str, str]) -> Iterator[Path]:
    yield from _path(environment)
    if environment.get("GOBIN"):
        yield Path(environment["GOBIN"])
    for entry in environment.get("GOPATH", "").split(os.pathsep):
        if entry:
            yield Path(entry, "bin")
    for home in _homes(environment):
        yield home / "go" / "bin"
    # Those that `make test` installed, the newest first.
    installed = Path(environment.get("EBPFTRACE_GOPLS_DIR") or _CLONE / ".cache" / "gopls")
    yield from sorted(installed.glob("*"), reverse=True)


def _path(environment: Mapping[str, str]) -> Iterator[Path]:
    for entry in environment.get("PATH", "").split(os.pathsep):
        if entry:
            yield Path(entry)


def _homes(environment: Mapping[str, str]) -> Iterator[Path]:
    # Under sudo, go's folder is in the home of the user who called sudo.
    for name in (environment.get("SUDO_USER"), None):
        try:
            entry = pwd.getpwnam(name) if name else pwd.getpwuid(os.geteuid())
        except KeyError:
            continue
        yield Path(entry.pw_dir)


def _executables(name: str, folders: Iterator[Path]) -> Iterator[Path]:
    for folder in folders:
        found = shutil.which(name, path=str(folder))
        if found:
            yield Path(found)


def _ask_version(gopls: Path, go_folder: Path) -> str:
    try:
        answer = subprocess.run(
            [gopls, "version"],
            env={"PATH": f"{go_folder}:/usr/bin:/bin", "HOME": "/nonexistent"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ANSWER_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    words = answer.stdout.split()
    return words[1] if len(words) > 1 and words[0] == "golang.org/x/tools/gopls" else ""
