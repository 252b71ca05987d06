"""A real kubelet and containerd on this machine, kept apart from it.

They run in mount and pid namespaces of their own, where the files of sysctls that a kubelet
changes are plain files, and /run and what grows below /var are empty. Their pods' cgroups are
below one of the test's own in each hierarchy, and so are they themselves in that of memory: at
the end, what still runs there is killed and all of it is removed.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import pytest

from tests.fleet.control_plane import KUBELET, WITH_PARENT, ControlPlane, free_port, tool
from tests.fleet.image import PAUSE, write_image
from tests.support.build import ROOT
from tests.support.cgroups import PREFIX, MemoryCgroup, memory_hierarchy
from tests.support.patience import patient

NODE = "n1"
MISSING = "there is no containerd, and Debian's could not be had"
_SECONDS = patient(90.0)
_SYSCTLS = (
    "vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
)  # fmt: skip
_SCRIPT = r"""
set -e
for folder in /run /var/cache /var/lib /var/log; do mount -t tmpfs tmpfs "$folder"; done
for name in $SYSCTLS; do
    mkdir -p "$FOLDER/sysctl/$(dirname "$name")"
    cat "/proc/sys/$name" >"$FOLDER/sysctl/$name"
    mount --bind "$FOLDER/sysctl/$name" "/proc/sys/$name"
done
containerd --config "$FOLDER/containerd.toml" >"$FOLDER/containerd.log" 2>&1 &
until ctr --address "$FOLDER/ctrd.sock" version >/dev/null 2>&1; do sleep 0.05; done
for image in "$FOLDER/image.tar" $IMAGES; do
    ctr --address "$FOLDER/ctrd.sock" -n k8s.io images import "$image"
done
exec "$KUBELET" --config "$FOLDER/kubelet.yaml" --kubeconfig "$KUBECONFIG" \
    --root-dir "$FOLDER/kubelet" --cert-dir "$FOLDER/kubelet/pki" \
    --hostname-override "$NODE" --node-ip "$ADDRESS" >"$FOLDER/kubelet.log" 2>&1
"""
_CONTAINERD = """
version = 2
root = "{folder}/ctrd/root"
state = "{folder}/ctrd/state"
[grpc]
  address = "{folder}/ctrd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".cni]
    conf_dir = "{folder}/cni"
    bin_dir = "{folder}/cni"
"""
_KUBELET = """
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 127.0.0.1
port: {port}
healthzPort: 0
authentication: {{anonymous: {{enabled: true}}, webhook: {{enabled: false}}}}
authorization: {{mode: AlwaysAllow}}
cgroupDriver: cgroupfs
cgroupRoot: {cgroup}
containerRuntimeEndpoint: unix://{folder}/ctrd.sock
enforceNodeAllocatable: []
evictionHard: {{memory.available: 1Mi, nodefs.available: 1Mi, imagefs.available: 1Mi}}
failCgroupV1: false
failSwapOn: false
imageGCHighThresholdPercent: 100
localStorageCapacityIsolation: false
makeIPTablesUtilChains: false
podLogsDir: {folder}/logs
volumePluginDir: {folder}/plugins
"""


def containerd() -> Path:
    """The folder of Debian's containerd; skips, with the reason, where it cannot be had."""
    try:
        done = subprocess.run(
            [ROOT / "scripts" / "containerd"], capture_output=True, text=True, check=True,
            timeout=patient(180.0),
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        pytest.skip(MISSING)
    return Path(done.stdout.strip())


class Node:
    """Runs pods from `with` on, those with hostNetwork alone. All it starts is in `cgroup`."""

    def __init__(
        self, plane: ControlPlane, *, host_pids: bool = False, images: Sequence[Path] = ()
    ) -> None:
        """With `host_pids` there is no pid namespace: a pod with hostPID sees the machine's."""
        self._host_pids, self._images = host_pids, images
        self._plane, self._kubelet, self._containerd = plane, tool("kubelet"), containerd()
        self.cgroup = f"/{PREFIX}{os.getpid()}-{secrets.token_hex(3)}"

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="ebpftrace-node-"))
        try:
            self._make_cgroups()
            self._write_files()
            self._start()
            self._wait_until_registered()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if hasattr(self, "_process"):
            # The first process of its pid namespace: the kernel ends all the others with it.
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        if self._host.exists():
            MemoryCgroup(self._host.parent, 1).remove()
        self._remove_cgroups()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pods(self) -> str:
        """The cgroup of its pods alone."""
        return f"{self.cgroup}/kubepods"

    @property
    def log(self) -> str:
        """The last lines of both programs."""
        files = [self._folder / f"{it}.log" for it in ("start", "containerd", "kubelet")]
        return "\n".join(it.read_text(errors="replace")[-3000:] for it in files if it.exists())

    def path(self, inside: str) -> Path:
        """A file as its programs and the hostPath volumes of its pods have it."""
        return Path(f"/proc/{self._process.pid}/root{inside}")

    def pod_log(self, prefix: str) -> str:
        """The last lines of containers whose pod's NAMESPACE_NAME begins like that."""
        files = sorted((self._folder / "logs").glob(f"{prefix}*/*/*.log"))
        return "\n".join(it.read_text(errors="replace")[-3000:] for it in files)

    def _hierarchies(self) -> list[Path]:
        root = memory_hierarchy()[0].parent
        return [it for it in root.iterdir() if it.is_dir() and not it.is_symlink()]

    def _make_cgroups(self) -> None:
        if memory_hierarchy()[1] != 1:
            pytest.skip("on v2 a kubelet needs a machine of its own: tests/vm")
        for hierarchy in self._hierarchies():
            folder = hierarchy / self.cgroup.strip("/")
            folder.mkdir()
            for name in ("cpuset.cpus", "cpuset.mems"):
                if (folder / name).exists():
                    (folder / name).write_text((hierarchy / name).read_text())
        self._host.mkdir()

    @property
    def _host(self) -> Path:
        """The memory cgroup of the kubelet and containerd."""
        return memory_hierarchy()[0] / self.cgroup.strip("/") / "host"

    def _remove_cgroups(self) -> None:
        end = time.monotonic() + _SECONDS
        for hierarchy in self._hierarchies():
            top = hierarchy / self.cgroup.strip("/")
            while top.exists():
                with contextlib.suppress(OSError):
                    for folder, _, _ in os.walk(top, topdown=False):
                        Path(folder).rmdir()
                assert time.monotonic() < end, f"{top} is busy"
                time.sleep(0.05)

    def _write_files(self) -> None:
        folder = self._folder
        (folder / "containerd.toml").write_text(_CONTAINERD.format(folder=folder, pause=PAUSE))
        (folder / "kubelet.yaml").write_text(
            _KUBELET.format(folder=folder, cgroup=self.cgroup, port=free_port())
        )
        write_image(folder / "image.tar", self._containerd / "bin" / "busybox")

    def _start(self) -> None:
        there = self._containerd
        namespaces = ["--mount"]
        if not self._host_pids:
            namespaces += ["--pid", "--fork", "--kill-child", "--mount-proc"]
        inside = MemoryCgroup(self._host, 1).inside
        environment = {
            "PATH": f"{there}/usr/bin:{there}/usr/sbin:{os.environ['PATH']}",
            "FOLDER": str(self._folder), "SYSCTLS": " ".join(_SYSCTLS), "NODE": NODE,
            "KUBELET": str(self._kubelet), "ADDRESS": _own_address(),
            "IMAGES": " ".join(map(str, self._images)),
            "KUBECONFIG": str(self._plane.kubeconfig("kubelet", KUBELET)),
        }  # fmt: skip
        with (self._folder / "start.log").open("wb") as log:
            self._process = subprocess.Popen(
                inside([*WITH_PARENT, "unshare", *namespaces, "bash", "-c", _SCRIPT]),
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def _wait_until_registered(self) -> None:
        end = time.monotonic() + _SECONDS
        while not self._plane.kubectl("get", "nodes", "-o", "name").strip():
            assert self._process.poll() is None, self.log
            assert time.monotonic() < end, self.log
            time.sleep(0.1)


def _own_address() -> str:
    """One that is not the loopback's, which a kubelet refuses; nothing is sent there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but the loopback's, which a kubelet needs")
        return str(probe.getsockname()[0])
