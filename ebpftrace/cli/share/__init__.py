"""Writes the man page and the completion scripts: `python -m ebpftrace.cli.share FOLDER`.

The repository keeps them in share/, and the wheel installs them below the prefix's share/.
`make share` updates them; a test fails if they are out of date.
"""

from pathlib import Path

from ebpftrace.cli import cli
from ebpftrace.cli.completion import completion_script
from ebpftrace.cli.share.man_page import man_page

_COMPLETIONS = {
    "bash": "bash-completion/completions/ebpftrace",
    "fish": "fish/vendor_completions.d/ebpftrace.fish",
    "zsh": "zsh/site-functions/_ebpftrace",
}


def shared_files() -> dict[str, str]:
    """The content of each file, by its path below share/."""
    scripts = {
        path: f"{completion_script(cli, shell)}\n" for shell, path in _COMPLETIONS.items()
    }
    return {"man/man1/ebpftrace.1": man_page(cli), **scripts}


def write_shared_files(folder: Path) -> None:
    """Write all files below `folder`. OSError if that fails."""
    for path, content in shared_files().items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
