"""The Helm chart, rendered."""

import subprocess

from tests.fleet.control_plane import tool
from tests.support.build import ROOT

_CHART = ROOT / "deploy/helm/ebpftrace"


def chart(*values: str) -> subprocess.CompletedProcess[str]:
    """What `helm template` makes of these values."""
    options = [word for value in values for word in ("--set", value)]
    return subprocess.run(
        [tool("helm"), "template", "--kube-version=1.30.0", "--namespace=ebpftrace", *options,
         "ebpftrace", _CHART],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
