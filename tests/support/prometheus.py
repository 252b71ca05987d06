"""A real Prometheus that scrapes, and promtool; Debian's, unpacked by scripts/prometheus."""

import json
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.build import ROOT
from tests.support.patience import patient

MISSING = "there is no Prometheus, and Debian's could not be had"
_CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: ebpftrace
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


@cache
def _folder() -> Path | None:
    if (there := shutil.which("prometheus")) and shutil.which("promtool"):
        return Path(there).parent
    try:
        done = subprocess.run(
            [ROOT / "scripts" / "prometheus"], capture_output=True, text=True, check=True,
            timeout=patient(120.0),
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return Path(done.stdout.strip())


def program(name: str) -> Path:
    """`prometheus` or `promtool`; skips, with the reason, where there is none."""
    folder = _folder()
    if folder is None:
        pytest.skip(MISSING)
    return folder / name


@contextmanager
def scraping(port: int, folder: Path, rules: Path | None = None) -> Iterator["Prometheus"]:
    """A Prometheus that scrapes this port of the loopback each second, and evaluates a file
    of rules as often.
    """
    binary = program("prometheus")
    config = folder / "prometheus.yml"
    config.write_text(_CONFIG.format(port=port, rules=rules or ""), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        own = free.getsockname()[1]
    process = subprocess.Popen(
        [binary, f"--config.file={config}", f"--storage.tsdb.path={folder}/data",
         f"--web.listen-address=127.0.0.1:{own}", "--log.level=error"],
        stdin=subprocess.DEVNULL, cwd=folder,
    )  # fmt: skip
    try:
        yield Prometheus(own)
    finally:
        process.terminate()
        process.wait()


class Prometheus:
    """Asked by its HTTP API."""

    def __init__(self, port: int) -> None:
        self._port = port

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The vector of an instant query; empty while it cannot answer."""
        asked = urllib.parse.urlencode({"query": expression})
        found: list[dict[str, Any]] = self._get(f"query?{asked}").get("result", [])
        return found

    def firing(self, alert: str) -> list[dict[str, Any]]:
        """The alerts of that name that fire, each with its labels and annotations."""
        return [
            one
            for one in self._get("alerts").get("alerts", [])
            if one["labels"]["alertname"] == alert and one["state"] == "firing"
        ]

    def rule_errors(self) -> list[str]:
        """What the last evaluations of the rules complained about."""
        groups = self._get("rules").get("groups", [])
        return [one["lastError"] for group in groups for one in group["rules"]
                if one.get("lastError")]  # fmt: skip

    def _get(self, path: str) -> dict[str, Any]:
        url = f"{self.url}/api/v1/{path}"
        try:
            with urllib.request.urlopen(url, timeout=patient(5.0)) as answer:
                data: dict[str, Any] = json.load(answer)["data"]
        except OSError:
            return {}
        return data
