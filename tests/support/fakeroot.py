"""A folder that looks like / to the readers of host/: layouts this machine does not have.

Fake on purpose: cgroup v2 with memory, containers' namespaces and other CI systems cannot
run on every machine. What can run for real is tested in tests/kernel.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path


class FakeRoot:
    """/proc and a cgroup tree below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def proc(self) -> Path:
        return self.root / "proc"

    def mounts(self, *lines: str) -> None:
        """Lines of mountinfo, with the fields before the root left to this function."""
        self.mounts_of("self", *lines)

    def mounts_of(self, pid: int | str, *lines: str) -> None:
        """The same, as a process has them."""
        folder = self.proc / str(pid)
        folder.mkdir(parents=True, exist_ok=True)
        numbered = [f"{30 + index} 23 0:{index} {line}\n" for index, line in enumerate(lines)]
        (folder / "mountinfo").write_text("".join(numbered))

    def own_cgroup(self, text: str) -> None:
        folder = self.proc / "self"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cgroup").write_text(text)

    def folder(self, path: str, **files: str) -> Path:
        """A cgroup's folder with files in it (`cgroup__procs` is cgroup.procs)."""
        made = self.root / path.lstrip("/")
        made.mkdir(parents=True, exist_ok=True)
        for each in (made, *made.parents):
            if each.is_relative_to(self.root) and each.stat().st_mode & 0o022:
                each.chmod(0o755)  # whatever the umask is
        for name, text in files.items():
            (made / name.replace("__", ".")).write_text(text)
        return made

    def process(
        self,
        pid: int,
        parent: int = 1,
        *,
        comm: str = "sh",
        start_ticks: int | None = None,
        environ: Mapping[str, str] | bytes = b"",
        args: Sequence[str] = (),
        cgroup: str = "0::/",
        state: str = "S",
    ) -> None:
        """A process that is there to be read."""
        folder = self.proc / str(pid)
        folder.mkdir(parents=True, exist_ok=True)
        start = pid * 10 if start_ticks is None else start_ticks
        fields = [state, str(parent), *["0"] * 17, str(start), "0", "0"]
        (folder / "stat").write_text(f"{pid} ({comm}) {' '.join(fields)}\n")
        (folder / "comm").write_text(f"{comm}\n")
        if not isinstance(environ, bytes):
            environ = b"".join(f"{name}={value}\0".encode() for name, value in environ.items())
        (folder / "environ").write_bytes(environ)
        (folder / "cmdline").write_bytes(b"".join(arg.encode() + b"\0" for arg in args))
        (folder / "cgroup").write_text(cgroup + "\n")
