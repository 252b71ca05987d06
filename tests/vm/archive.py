"""A private apt folder, so that packages of other suites come without touching the host's."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.vm.flavours import AMD64, Architecture
from tests.vm.paths import CACHE
from tests.vm.run import UnavailableError, VmError, run

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
"""debian-archive-keyring: the keys of every suite that is still kept."""

# What apt, debootstrap (without saying more), pip and go write.
_NO_ANSWER = re.compile(
    r"Failed to fetch|Could not (resolve|connect)|Failed getting release|Couldn't download"
    r"|Failed to establish a new connection|dial tcp|no such host|proxyconnect"
)
_NOT_THERE = re.compile(r"\b404\b|Couldn't find these debs|Unable to locate")


def mirror(suite: str) -> str:
    """The archive that has a suite: EBPFTRACE_VM_MIRROR[_SECURITY], else the host's own."""
    security = suite.endswith("-security")
    name = "EBPFTRACE_VM_MIRROR_SECURITY" if security else "EBPFTRACE_VM_MIRROR"
    if name in os.environ:
        return os.environ[name]
    lines = run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(ORIGIN)"]
    ).splitlines()
    for line in lines:
        uri, codename, origin = [*line.split(maxsplit=2), ""][:3]
        if origin == "Debian" and codename.endswith("-security") == security:
            return uri
    raise UnavailableError(f"apt knows no Debian archive here: set {name} to one")


class GoneError(VmError):
    """The archive keeps this suite, or has this package in it, no more, or never did."""


@contextmanager
def unanswered() -> Iterator[None]:
    """Make an UnavailableError of a VmError that says that an archive did not answer.

    That is Debian's, Python's packages or a Go module proxy. A package that one does not have
    is a mistake of ours, and stays one.
    """
    try:
        yield
    except VmError as error:
        if _NO_ANSWER.search(str(error)) and not _NOT_THERE.search(str(error)):
            raise UnavailableError(str(error)) from None
        raise


class Suite:
    """One suite of the archive, e.g. `bookworm-backports`, for one architecture."""

    def __init__(self, suite: str, architecture: Architecture = AMD64) -> None:
        self.suite = suite
        self._architecture = architecture.debian
        name = suite if architecture is AMD64 else f"{suite}-{architecture.debian}"
        self._folder = CACHE / "apt" / name
        self._config = self._folder / "apt.conf"

    def update(self) -> None:
        """Fetch the list of packages. UnavailableError where the archive does not answer, and
        GoneError where it has no such suite."""
        for folder in ("lists/partial", "cache/archives/partial"):
            (self._folder / folder).mkdir(parents=True, exist_ok=True)
        options = f"arch={self._architecture} signed-by={KEYRING}"
        sources = f"deb [{options}] {mirror(self.suite)} {self.suite} main\n"
        (self._folder / "sources.list").write_text(sources)
        (self._folder / "status").touch()
        self._config.write_text(
            f'Dir::Etc::sourcelist "{self._folder}/sources.list";\n'
            'Dir::Etc::sourceparts "/dev/null";\n'
            'Dir::Etc::preferences "/dev/null";\n'
            'Dir::Etc::preferencesparts "/dev/null";\n'
            f'Dir::State::lists "{self._folder}/lists";\n'
            f'Dir::State::status "{self._folder}/status";\n'
            f'Dir::Cache "{self._folder}/cache";\n'
            f'APT::Architecture "{self._architecture}";\n'
            f'APT::Architectures "{self._architecture}";\n'
            'APT::Sandbox::User "root";\n'
            'Acquire::Languages "none";\n'
            # A suite that is kept but no longer renewed is still signed.
            'Acquire::Check-Valid-Until "false";\n'
            # An archive that does not answer is said to be that, not to be empty.
            'APT::Update::Error-Mode "any";\n'
        )
        try:
            self._apt("apt-get", "-q", "update")
        except VmError as error:
            if "does not have a Release file" in str(error):
                raise GoneError(f"there is no suite {self.suite} in Debian's archive") from None
            raise

    def depends(self, package: str) -> list[str]:
        """What a package of this suite depends on, by name. GoneError if it has none such."""
        try:
            lines = self._apt("apt-cache", "depends", "--important", package).splitlines()
        except VmError as error:
            if "No packages found" in str(error):
                raise GoneError(f"there is no {package} in {self.suite}") from None
            raise
        return [line.split()[-1] for line in lines if line.strip().startswith("Depends:")]

    def download(self, package: str, folder: Path) -> Path:
        """Fetch a package's .deb into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        there = set(folder.glob("*.deb"))
        self._apt("apt-get", "-q", "download", package, cwd=folder)
        (fetched,) = set(folder.glob("*.deb")) - there
        return fetched

    def _apt(self, *argv: str, cwd: Path | None = None) -> str:
        with unanswered():
            return run(argv, env={**os.environ, "APT_CONFIG": str(self._config)}, cwd=cwd)
