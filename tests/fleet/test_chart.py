"""deploy/helm: the chart renders what the overlays do, as a real API server has both."""

import json
import re
from typing import Any

import pytest

from tests.fleet.chart import chart
from tests.fleet.control_plane import ControlPlane
from tests.support.build import ROOT

OVERLAYS = {
    "privileged": (),
    "least-privilege": ("privileged=false",),
    "acting": ("privileged=false", "acting=true"),
}
_NAMED_BY_CONTENT = re.compile(r"ebpftrace-policy-[a-z0-9]{10}\b")


def stored(plane: ControlPlane, manifests: str) -> dict[tuple[str, str], Any]:
    """The objects as the API server would store them, without what differs by design."""
    said = plane.kubectl(
        "apply", "--server-side", "--dry-run=server", "--force-conflicts", "--output=json",
        "-f", "-", stdin=_NAMED_BY_CONTENT.sub("ebpftrace-policy", manifests),
    )  # fmt: skip
    found = {}
    for one in json.loads(said)["items"]:
        metadata = one.pop("metadata")
        one.pop("status", None)
        one["labels"] = metadata.get("labels")
        if one["kind"] == "DaemonSet":
            one["spec"]["template"]["metadata"]["annotations"].pop("checksum/policy", None)
        if one["kind"] != "Namespace":
            found[one["kind"], metadata["name"]] = one
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_chart_renders_what_the_overlay_does(plane: ControlPlane, overlay: str) -> None:
    namespace = ROOT / "deploy/kubernetes/base/namespace.yaml"
    plane.kubectl("apply", "--server-side", "-f", str(namespace))
    manifests = plane.kubectl("kustomize", str(ROOT / "deploy/kubernetes/overlays" / overlay))
    assert stored(plane, chart(*OVERLAYS[overlay]).stdout) == stored(plane, manifests)


def test_a_value_that_the_schema_does_not_have_is_refused() -> None:
    for value in ("acting=perhaps", "no_such=1", "image.digest=x"):
        done = chart(value)
        assert done.returncode, value
        assert "schema" in done.stderr


def test_passwords_and_certificates_protect_the_metrics() -> None:
    done = chart("authSecret=users", "tlsSecret=certificate")
    assert not done.returncode, done.stderr
    assert "--unprotected" not in done.stdout
    for said in ("--auth-file", "--tls-cert", "--tls-key", "prometheus.io/scheme: https"):
        assert said in done.stdout
    assert done.stdout.count("scheme: HTTPS") == 3  # of the probes
