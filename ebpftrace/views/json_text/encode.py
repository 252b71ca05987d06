"""One record as JSON."""

import json
import re

from ebpftrace.act.incident.records import Record

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_compact = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def json_line(record: Record) -> str:
    """One line of ASCII with its newline."""
    return json_text(record) + "\n"


def json_text(record: Record) -> str:
    """ASCII on one line. A lone surrogate becomes U+FFFD.

    Strict parsers reject a lone surrogate even if it is escaped.
    """
    text = _compact(record)
    if "\\ud" in text:
        whole = _LONE_SURROGATE.sub("\ufffd", json.dumps(record, ensure_ascii=False))
        text = _compact(json.loads(whole))
    return text
