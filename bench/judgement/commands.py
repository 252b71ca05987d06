"""The command lines of the workloads, each made for a folder to work in."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.judgement.programs import PROGRAMS, java_class, load_go
from tests.support.build import ROOT, exact_binary

Command = Callable[[Path], Sequence[str | Path]]


def python_command(words: str) -> Command:
    return lambda folder: [sys.executable, PROGRAMS / "load.py", *words.split()]


def tmpfs_command(words: str) -> Command:
    """What leaks is a file in /dev/shm."""
    return lambda folder: [
        sys.executable,
        PROGRAMS / "load.py",
        *words.split(),
        "--tmpfs",
        Path("/dev/shm") / folder.name,
    ]


def generations_command(words: str) -> Command:
    return lambda folder: [sys.executable, PROGRAMS / "generations.py", *words.split()]


def go_command(words: str) -> Command:
    return lambda folder: [load_go(), *words.split()]


def node_command(words: str) -> Command:
    return lambda folder: [
        "node",
        "--max-old-space-size=4096",
        PROGRAMS / "load.js",
        *words.split(),
    ]


def java_command(options: str, words: str) -> Command:
    return lambda folder: [
        "java",
        *options.split(),
        "-cp",
        java_class().parent,
        "Load",
        *words.split(),
    ]


def exact_command(script: str) -> Command:
    return lambda folder: [exact_binary(), "--do", script]


def shell_command(script: str) -> Command:
    """FOLDER, SHM (a folder in /dev/shm), PYTHON, LOAD, EXACT and so on are filled in."""
    sources = ROOT / "tests" / "workloads" / "exact"

    def command(folder: Path) -> Sequence[str | Path]:
        filled = script
        for name, value in (
            ("FOLDER", folder),
            ("SHM", Path("/dev/shm") / folder.name),
            ("PYTHON", sys.executable),
            ("LOAD", PROGRAMS / "load.py"),
            ("SOURCES", f"{sources}/*.c"),
            ("PROGRAMS", PROGRAMS),
            ("EXACT", exact_binary()),
        ):
            filled = filled.replace(name, str(value))
        return ["sh", "-c", filled]

    return command
