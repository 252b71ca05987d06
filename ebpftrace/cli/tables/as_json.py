"""A JSON value on standard output: indented for a person, on one line for a program."""

import json
import os
from typing import Any

import click


def print_json(value: dict[str, Any]) -> None:
    """Standard output may be closed: click says so."""
    click.echo(json.dumps(value, indent=2 if os.isatty(1) else None))
