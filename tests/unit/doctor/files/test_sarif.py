"""SARIF: the members that its schema requires, and what code scanning reads.

The schema's own rules for the objects that are written, from section 3 of the standard.
"""

from pathlib import Path

import fastjsonschema

from ebpftrace.doctor.files.lint import RULES, Linted, lint_text
from ebpftrace.doctor.files.sarif import sarif

TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
POSITIVE = {"type": "integer", "minimum": 1}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
RULE = {
    "type": "object",
    "required": ["id", "shortDescription"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string"},
        "shortDescription": TEXT,
        "fullDescription": TEXT,
        "defaultConfiguration": {"type": "object", "properties": {"level": LEVEL}},
    },
}
REGION = {
    "type": "object",
    "required": ["startLine"],
    "additionalProperties": False,
    "properties": dict.fromkeys(("startLine", "startColumn", "endLine", "endColumn"), POSITIVE),
}
LOCATION = {
    "type": "object",
    "required": ["physicalLocation"],
    "properties": {
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation"],
            "additionalProperties": False,
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "properties": {"uri": {"type": "string", "pattern": "^[!-~]+$"}},
                },
                "region": REGION,
            },
        }
    },
}
RESULT = {
    "type": "object",
    "required": ["message"],
    "additionalProperties": False,
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": -1},
        "level": LEVEL,
        "message": TEXT,
        "locations": {"type": "array", "items": LOCATION},
    },
}
DRIVER = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "version": {"type": "string"},
        "rules": {"type": "array", "uniqueItems": True, "items": RULE},
    },
}
LOG = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"enum": ["2.1.0"]},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool"],
                "additionalProperties": False,
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {"driver": DRIVER},
                    },
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {"type": "array", "items": RESULT},
                },
            },
        },
    },
}


def linted(path: str) -> Linted:
    return Linted(Path(path), lint_text(path, "x; gopls -memprofile=x\nGOMEMLIMIT=2GB y\n"))


def test_the_log_has_what_the_standard_requires() -> None:
    validate = fastjsonschema.compile(LOG)
    validate(sarif([linted("a b/ü.sh"), linted("/x.sh"), Linted(Path("none"), ())]))
    validate(sarif([]))


def test_a_result_points_to_its_rule_and_its_place() -> None:
    (run,) = sarif([linted("a b/ü.sh"), linted("/x.sh")])["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.name for rule in RULES]
    first, second, third, _ = run["results"]
    assert rules[first["ruleIndex"]]["id"] == first["ruleId"] == "gopls-flag"
    assert (first["level"], second["ruleId"]) == ("error", "gomemlimit")
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%20b/%C3%BC.sh"
    assert place["region"] == {
        "startLine": 1, "startColumn": 10, "endLine": 1, "endColumn": 23,
    }  # fmt: skip
    absolute = third["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert absolute == "file:///x.sh"
