"""The exact test process as an executable that looks like one of Go's linker."""

from pathlib import Path

from tests.support.build import go_exact_binary
from tests.support.workload import Workload

_PLACE = b"e2e-00000000"


def go_package(comm: str) -> str:
    """The main package of a `GoWorkload` of this name."""
    return f"example.org/tools/{comm}"


class GoWorkload(Workload):
    """A test process for `--go-main`; its name is of `unique_comm`, and so is its package."""

    def named(self, comm: str) -> Path:
        path = self._folder / comm
        if not path.exists():
            program = go_exact_binary().read_bytes()
            assert program.count(_PLACE) == 1 and len(comm) == len(_PLACE)
            path.write_bytes(program.replace(_PLACE, comm.encode()))
            path.chmod(0o755)
        return path
