"""The pages of past incidents: a list, one incident, and its archive.

They are made in steps on the server's thread, so that other clients have their turn between
reading some lines of the audit log, or a chunk of evidence.
"""

import json
from functools import partial
from http import HTTPStatus

from ebpftrace.errors import EbpftraceError
from ebpftrace.incidents.archive import Archive
from ebpftrace.incidents.catalog import Catalog, KnownIncident
from ebpftrace.incidents.ids import is_id
from ebpftrace.incidents.known import details_of
from ebpftrace.service.http.answer import Answer, Stream, Work, plain

PATH = "/v1/incidents"
_MOST = 100  # in a list
_TAR = "application/x-tar"


class IncidentPages:
    """`refusal` says why nothing is shown to any client; "" if it is."""

    def __init__(self, catalog: Catalog, refusal: str) -> None:
        self._catalog, self._refusal = catalog, refusal

    def answer(self, path: str) -> Answer | Work:
        """For a path that begins with `PATH`, and for a client that may read it."""
        if self._refusal:
            return plain(HTTPStatus.FORBIDDEN, self._refusal)
        if path == PATH:
            return self._explained(self._list())
        incident, _, page = path.removeprefix(f"{PATH}/").partition("/")
        if path.startswith(f"{PATH}/") and is_id(incident) and page in ("", "export"):
            return self._explained(self._one(incident, export=page == "export"))
        return plain(HTTPStatus.NOT_FOUND, f"{PATH}, {PATH}/ID, {PATH}/ID/export")

    def _list(self) -> Work:
        found = yield from self._catalog.newest(_MOST)
        return _json({"schema": 1, "incidents": found})

    def _one(self, incident: str, *, export: bool) -> Work:
        found = yield from self._catalog.one(incident)
        if found is None:
            return plain(HTTPStatus.NOT_FOUND, "nothing is known of this incident")
        kept = False
        try:
            if not export:
                return _json({"schema": 1, **details_of(*found)})
            archive = Archive(*found)
            kept = True
        finally:
            if not kept:
                _close(found)
        headers = {"Content-Disposition": f'attachment; filename="{incident}.tar"'}
        stream = Stream(archive.size_bytes, archive.chunks(), partial(_close, found))
        return Answer(HTTPStatus.OK, content_type=_TAR, headers=headers, stream=stream)

    @staticmethod
    def _explained(work: Work) -> Work:
        """An error of a file becomes an answer. Its text may name paths of the node."""
        try:
            return (yield from work)
        except (EbpftraceError, OSError) as error:
            why = error.what if isinstance(error, EbpftraceError) else str(error.strerror)
            return plain(HTTPStatus.INTERNAL_SERVER_ERROR, f"cannot be read: {why}")


def _close(found: KnownIncident) -> None:
    if found.evidence is not None:
        found.evidence.close()


def _json(value: object) -> Answer:
    return Answer(HTTPStatus.OK, json.dumps(value).encode() + b"\n", "application/json")
