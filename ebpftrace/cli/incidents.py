"""`ebpftrace incidents`: past incidents with their saved evidence; exports them."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ebpftrace.act.audit.place import DEFAULT_FILE
from ebpftrace.cli.tables.as_json import print_json
from ebpftrace.errors import EbpftraceError, GoneError, NotPermittedError, UsageError
from ebpftrace.text import clean
from ebpftrace.trusted import open_trusted

if TYPE_CHECKING:
    from ebpftrace.incidents.catalog import KnownIncident

_FOLDER = Path("/var/lib/ebpftrace/incidents")  # that of `capture`, which imports more
_PATH = click.Path(path_type=Path, readable=False)
_AUDIT = click.option("--audit", type=_PATH, default=DEFAULT_FILE, show_default=True,
                      metavar="FILE", help="The audit log.")  # fmt: skip
_EVIDENCE = click.option("--folder", "folders", type=_PATH, multiple=True, default=(_FOLDER,),
                         show_default=True, metavar="DIR",
                         help="A folder of capture, besides those that the audit log "
                              "names.")  # fmt: skip
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_ID = click.argument("incident", metavar="ID")


class _ListByDefault(click.Group):
    """`incidents` is `incidents list`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_ListByDefault,
    epilog="""
    \b
    Examples:
      sudo ebpftrace incidents
      sudo ebpftrace incidents show 20261123T120007Z-4711-abcdef
      sudo ebpftrace incidents export 20261123T120007Z-4711-abcdef --to leak.tar
      sudo ebpftrace incidents list --json | jq -r '.incidents[0].incident'

    docs/incidents.md describes the fields and what an archive holds.
    """,
)
def incidents() -> None:
    """List past incidents, show one, or export its evidence.

    What the audit log says is joined with the evidence that the action capture saved.
    """


@incidents.command("list")
@click.option("--last", type=click.IntRange(min=1), default=50, show_default=True, metavar="N",
              help="The newest N.")  # fmt: skip
@_JSON
@_AUDIT
@_EVIDENCE
def list_incidents(last: int, as_json: bool, audit: Path, folders: tuple[Path, ...]) -> None:
    """List the newest incidents, the newest first."""
    from ebpftrace.incidents.catalog import Catalog, at_once

    with _explained():
        found = at_once(Catalog(audit, lambda: folders).newest(last))
    if as_json:
        print_json({"schema": 1, "incidents": found})
        return
    if not found and not any(path.exists() for path in (audit, *folders)):
        raise GoneError(
            "nothing is known of any incident",
            why=f"there is neither an audit log {clean(os.fsencode(audit))} nor evidence",
            fix="a watch with a policy writes them; name others: --audit FILE, --folder DIR",
        )
    from ebpftrace.cli.tables.incidents import print_incidents

    print_incidents(found, sys.stdout)


@incidents.command()
@_ID
@_JSON
@_AUDIT
@_EVIDENCE
def show(incident: str, as_json: bool, audit: Path, folders: tuple[Path, ...]) -> None:
    """Show an incident: what happened, the steps, and the files of its evidence."""
    from ebpftrace.incidents.known import details_of

    with _found(incident, audit, folders) as known, _explained():
        details = details_of(*known)
    if as_json:
        print_json({"schema": 1, **details})
        return
    from ebpftrace.cli.tables.incidents import print_incident

    print_incident(details, sys.stdout)


@incidents.command()
@_ID
@click.option("--to", type=_PATH, metavar="FILE",
              help="A new file, which only its owner may read.  [standard output]")  # fmt: skip
@_AUDIT
@_EVIDENCE
def export(incident: str, to: Path | None, audit: Path, folders: tuple[Path, ...]) -> None:
    """Export an incident as a tar archive: its evidence, its lines of the audit log."""
    from ebpftrace.incidents.archive import Archive

    if to is None and sys.stdout.isatty():
        raise UsageError(
            "an archive is not for a terminal", fix="redirect the output, or add --to FILE"
        )
    with _found(incident, audit, folders) as known:
        with _explained():
            archive = Archive(*known)
        if to is not None:
            _save(archive.chunks(), to)
            return
        for chunk in archive.chunks():
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()


def _save(chunks: Iterator[bytes], to: Path) -> None:
    """Into a new file; it is removed again if that fails."""
    name = clean(os.fsencode(to))
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        fd = open_trusted("the export", to, flags, 0o600)
    except OSError as error:
        fix = "name a new file in a folder that is there: --to FILE"
        raise EbpftraceError(
            f"cannot write {name}", why=error.strerror or str(error), fix=fix
        ) from error
    try:
        with os.fdopen(fd, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
    except BaseException as error:
        to.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise EbpftraceError(
                f"cannot write {name}", why=error.strerror or str(error), fix="free some space"
            ) from error
        raise
    click.echo(f"written: {name}", err=True)


@contextmanager
def _found(incident: str, audit: Path, folders: tuple[Path, ...]) -> "Iterator[KnownIncident]":
    """UsageError for what is no id, GoneError for one that is not known."""
    from ebpftrace.incidents.catalog import Catalog, at_once
    from ebpftrace.incidents.ids import is_id

    name = clean(incident, 80)
    if not is_id(incident):
        raise UsageError(
            f"not the id of an incident: {name!r}", fix="list them: ebpftrace incidents"
        )
    with _explained():
        found = at_once(Catalog(audit, lambda: folders).one(incident))
    if found is None:
        raise GoneError(
            f"nothing is known of the incident {name}",
            why="the audit log was rotated and the evidence removed for newer evidence, or "
            "both are elsewhere",
            fix="list what is known: ebpftrace incidents; or: --audit FILE, --folder DIR",
        )
    try:
        yield found
    finally:
        if found.evidence is not None:
            found.evidence.close()


@contextmanager
def _explained() -> Iterator[None]:
    """NotPermittedError or EbpftraceError in the place of an OSError."""
    try:
        yield
    except PermissionError as error:
        raise NotPermittedError(
            "cannot read the evidence", why=f"{error.filename}: {error.strerror}", fix="sudo"
        ) from error
    except OSError as error:
        raise EbpftraceError(
            "cannot read the evidence",
            why=f"{clean(str(error.filename))}: {error.strerror}",
            fix="name a folder of capture: --folder DIR",
        ) from error
