"""A client of gopls: it opens a module, and keeps it open or generates code in it.

`python -m ebpftrace.demo.client ROLE FOLDER ADDRESS` is a client of a running gopls, such as
gopls.service of the machine made by vagrant/provision.sh: ADDRESS is as `gopls -remote`
takes it, and ROLE "leak" or "steady". Exit code 1 when that gopls has ended.
"""

import os
import sys
from pathlib import Path

from ebpftrace.demo.lsp import LspSession, SessionEnded
from ebpftrace.demo.workspace import GENERATED, OPENED, regenerate, write_module

_ANSWER_SECONDS = 120.0
_LOAD_SECONDS = 2.0
_REWRITE_SECONDS = 0.7


def work(role: str, session: LspSession, workspace: Path) -> None:
    """Work in an open session until it ends, by SessionEnded."""
    document = {
        "uri": f"{session.uri}/{OPENED}",
        "languageId": "go",
        "version": 1,
        "text": (workspace / OPENED).read_text(),
    }
    session.notify("textDocument/didOpen", {"textDocument": document})
    session.serve(_LOAD_SECONDS)
    change = {"uri": f"{session.uri}/{GENERATED}", "type": 2}
    revision = 0
    while True:
        if role == "leak":
            revision += 1
            regenerate(workspace, revision)
            session.notify("workspace/didChangeWatchedFiles", {"changes": [change]})
        session.serve(_REWRITE_SECONDS)


def main() -> int:
    role, folder, address = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    write_module(folder)
    session = LspSession(["gopls", f"-remote={address}"], os.environ, folder)
    try:
        if not session.initialize(_ANSWER_SECONDS):
            print(f"gopls did not answer at {address}", file=sys.stderr)
            return 1
        work(role, session, folder)
    except SessionEnded as end:
        print(f"gopls at {address} has ended: {end}", file=sys.stderr)
    finally:
        session.close()
    return 1


if __name__ == "__main__":
    sys.exit(main())
