"""Compiles the C test programs once for each version of their sources."""

import hashlib
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
WORKLOADS = ROOT / "tests" / "workloads"
HOSTILE = ROOT / "tests" / "hostile" / "programs"

# Static: the loader's and libc's own mappings would move the numbers under test.
FLAGS = ("-O1", "-static", "-Wall", "-Wextra", "-Werror")


def compiled(name: str, sources: Sequence[Path], flags: Sequence[str] = FLAGS) -> Path:
    """The program `name`, built from its sources unless this very version of them was."""
    digest = hashlib.sha256(" ".join(flags).encode())
    for source in sources:
        digest.update(source.read_bytes())
    binary = CACHE / "workloads" / f"{name}-{digest.hexdigest()[:16]}"
    if not binary.exists():
        binary.parent.mkdir(parents=True, exist_ok=True)
        # Built aside and renamed: other sessions, and other threads, may build it as well.
        with tempfile.TemporaryDirectory(dir=binary.parent) as folder:
            fresh = Path(folder) / name
            c_files = [str(source) for source in sources if source.suffix == ".c"]
            subprocess.run(["gcc", *flags, *c_files, "-o", str(fresh)], check=True)
            fresh.rename(binary)
    return binary


@cache
def exact_binary() -> Path:
    """The process that changes its memory exactly as asked (workloads/exact)."""
    return compiled("exact", sorted((WORKLOADS / "exact").iterdir()))


@cache
def go_exact_binary() -> Path:
    """The same, with build info of Go's linker, whose main package `GoWorkload` replaces."""
    sources = sorted((WORKLOADS / "exact").iterdir())
    return compiled("exact-go", [*sources, WORKLOADS / "buildinfo.c"])


@cache
def enter_binary() -> Path:
    """The wrapper that enters a cgroup and then becomes another program."""
    return compiled("enter", [WORKLOADS / "enter.c"])


@cache
def reuse_binary() -> Path:
    """The wrapper that starts a program under a pid that was another's before."""
    return compiled("reuse", [WORKLOADS / "reuse.c"])


@cache
def crossing_binary() -> Path:
    """The program of which one thread grows while another executes (workloads/crossing.c)."""
    return compiled("crossing", [WORKLOADS / "crossing.c"])


@cache
def ending_binary() -> Path:
    """The program whose children end in two threads at once (workloads/ending.c)."""
    return compiled("ending", [WORKLOADS / "ending.c"])


@cache
def headless_binary() -> Path:
    """The program whose main thread ends before another one (workloads/headless.c)."""
    return compiled("headless", [WORKLOADS / "headless.c"])


@cache
def sharing_binary() -> Path:
    """The program whose processes share memory of one kind (workloads/sharing.c)."""
    return compiled("sharing", [WORKLOADS / "sharing.c"])


@cache
def flood_binary() -> Path:
    """What an unprivileged user does to the watch (tests/hostile/programs/flood.c)."""
    return compiled("flood", [HOSTILE / "flood.c"])


@cache
def evade_binary() -> Path:
    """How an unprivileged user evades a fuse (tests/hostile/programs/evade.c)."""
    parts = ("dodge", "fill", "generations")
    files = ("evade.c", *(f"{part}.{kind}" for part in parts for kind in "ch"))
    return compiled("evade", [HOSTILE / file for file in files])


@cache
def races_binary() -> Path:
    """Races between the kernel side's programs (tests/hostile/programs/races.c)."""
    return compiled("races", [HOSTILE / "races.c"], (*FLAGS, "-pthread"))


@cache
def pretend_binary() -> Path:
    """Processes that say they are runs of CI jobs (tests/hostile/programs/pretend.c)."""
    return compiled("pretend", [HOSTILE / "pretend.c"])


@cache
def jump_library() -> Path:
    """What moves the wall clock of one process, to be preloaded."""
    flags = ("-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror")
    return compiled("jump", [WORKLOADS / "jump.c"], flags)


def named(program: Path, name: str, folder: Path) -> Path:
    """A program by another name, which its processes have: tests that run at once share it."""
    link = folder / name
    link.symlink_to(program)
    return link
