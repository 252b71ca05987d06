"""A real etcd and kube-apiserver on the loopback, and what tests ask them for."""

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from ebpftrace.kubernetes.account import ServiceAccount
from ebpftrace.kubernetes.client import ApiClient, ApiError
from tests.fleet.tools.build import MAKE, program
from tests.support.patience import patient

ADMIN = "admintoken"
CONTROLLERS, SCHEDULER, KUBELET = "controllertoken", "schedulertoken", "kubelettoken"
_SECONDS = patient(60.0)
WITH_PARENT = ("setpriv", "--pdeathsig", "KILL")
"""Before a program that is to end with this process, whatever ends that."""


def tool(name: str) -> Path:
    """A program of Kubernetes; skips, with the reason, where it was not built."""
    found = program(name)
    if found is None:
        pytest.skip(f"{name} was not built: {MAKE}")
    return found


class ControlPlane:
    """Runs from `with` on. `admin` may do everything."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._stack = folder, contextlib.ExitStack()
        self.etcd, self.apiserver, self.kubectl_path = map(
            tool, ("etcd", "kube-apiserver", "kubectl")
        )
        self.port = 0

    def __enter__(self) -> Self:
        if shutil.which("openssl") is None:
            pytest.skip("there is no openssl")
        client, peer, self.port = _free_ports(3)
        store, peers = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
        try:
            self.start(
                "etcd", self.etcd, f"--data-dir={self._folder}/etcd", "--unsafe-no-fsync",
                f"--listen-client-urls={store}", f"--advertise-client-urls={store}",
                f"--listen-peer-urls={peers}", f"--initial-advertise-peer-urls={peers}",
                f"--initial-cluster=default={peers}", "--log-level=error",
            )  # fmt: skip
            self._api = self._apiserver_argv(store)
            self._running = self.start("apiserver", *self._api)
            self._wait_until_ready()
        except BaseException:
            self._stack.close()
            raise
        self.admin = ApiClient(self.account("admin", ADMIN))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def restart_apiserver(self) -> None:
        """It then knows no version from before: what changed meanwhile cannot be watched."""
        _end(self._running)
        self._running = self.start("apiserver", *self._api)
        self._wait_until_ready()

    def start(self, name: str, *argv: str | Path) -> subprocess.Popen[bytes]:
        """A program that ends with the control plane; its output is in NAME.log."""
        with (self._folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [*WITH_PARENT, *argv], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self._folder, start_new_session=True,
            )  # fmt: skip
        self._stack.callback(_end, process)
        return process

    def start_controllers(self) -> None:
        """What makes pods of DaemonSets, accounts of namespaces and the authority's ConfigMap,
        and what says on which node a pod runs."""
        file = self.kubeconfig("controllers", CONTROLLERS)
        self.start(
            "controllers", tool("kube-controller-manager"), f"--kubeconfig={file}",
            "--bind-address=127.0.0.1", f"--secure-port={free_port()}", "--leader-elect=false",
            "--use-service-account-credentials",
            f"--service-account-private-key-file={self._folder}/sa.key",
            f"--root-ca-file={self._folder}/certs/apiserver.crt",
        )  # fmt: skip
        file = self.kubeconfig("scheduler", SCHEDULER)
        self.start(
            "scheduler", tool("kube-scheduler"), f"--kubeconfig={file}",
            "--bind-address=127.0.0.1", f"--secure-port={free_port()}", "--leader-elect=false",
        )  # fmt: skip

    def account(self, name: str, token: str, node: str = "", port: int = 0) -> ServiceAccount:
        """A folder as the kubelet mounts it, with this token."""
        folder = self._folder / "accounts" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ca.crt").write_bytes((self._folder / "certs/apiserver.crt").read_bytes())
        (folder / "token").write_text(token, encoding="ascii")
        (folder / "namespace").write_text("default", encoding="ascii")
        return ServiceAccount("127.0.0.1", port or self.port, folder, node)

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """What it prints, as the administrator."""
        done = subprocess.run(
            [self.kubectl_path, f"--server=https://127.0.0.1:{self.port}",
             f"--certificate-authority={self._folder}/certs/apiserver.crt", f"--token={ADMIN}",
             *arguments],
            input=stdin, capture_output=True, text=True, check=False, timeout=_SECONDS,
            env={"HOME": str(self._folder), "PATH": os.environ["PATH"]},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def kubeconfig(self, name: str, token: str) -> Path:
        """A file for one of Kubernetes' own programs."""
        file = self._folder / f"{name}.kubeconfig"
        ca, server = f"{self._folder}/certs/apiserver.crt", f"https://127.0.0.1:{self.port}"
        file.write_text(
            "apiVersion: v1\nkind: Config\ncurrent-context: it\n"
            f"clusters: [{{name: it, cluster: {{server: '{server}', "
            f"certificate-authority: '{ca}'}}}}]\n"
            "contexts: [{name: it, context: {cluster: it, user: it}}]\n"
            f"users: [{{name: it, user: {{token: {token}}}}}]\n",
            encoding="utf-8",
        )
        return file

    def create(self, path: str, **fields: Any) -> dict[str, Any]:
        """Create an object there; one that exists is left alone."""
        try:
            return self.admin.call("POST", path, fields)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            return {}

    def namespace(self, name: str) -> str:
        """With the account that pods need, which a controller would make."""
        self.create("/api/v1/namespaces", metadata={"name": name})
        self.create(
            f"/api/v1/namespaces/{name}/serviceaccounts",
            metadata={"name": "default"}, automountServiceAccountToken=False,
        )  # fmt: skip
        return name

    def token(self, namespace: str, account: str) -> str:
        """A new token of a service account, as a kubelet asks for it."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        made = self.admin.call("POST", path, {"spec": {"expirationSeconds": 3600}})
        return str(made["status"]["token"])

    def _apiserver_argv(self, store: str) -> list[str | Path]:
        key, public, tokens = (self._folder / it for it in ("sa.key", "sa.pub", "tokens.csv"))
        for argv in (
            ["openssl", "genrsa", "-out", str(key), "2048"],
            ["openssl", "rsa", "-in", str(key), "-pubout", "-out", str(public)],
        ):
            subprocess.run(argv, check=True, capture_output=True)
        tokens.write_text(
            f'{ADMIN},admin,1,"system:masters"\n'
            f"{CONTROLLERS},system:kube-controller-manager,2\n"
            f"{SCHEDULER},system:kube-scheduler,3\n"
            f'{KUBELET},system:node:n1,4,"system:nodes"\n',
            encoding="ascii",
        )
        return [
            self.apiserver, f"--etcd-servers={store}", "--bind-address=127.0.0.1",
            f"--secure-port={self.port}", f"--cert-dir={self._folder}/certs",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={public}",
            f"--service-account-signing-key-file={key}", f"--token-auth-file={tokens}",
            "--authorization-mode=Node,RBAC", "--service-cluster-ip-range=10.0.0.0/24",
            "--endpoint-reconciler-type=none", "--allow-privileged=true",
        ]  # fmt: skip

    def _wait_until_ready(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        url, end = f"https://127.0.0.1:{self.port}/readyz", time.monotonic() + _SECONDS
        while True:
            request = urllib.request.Request(url, headers={"Authorization": f"Bearer {ADMIN}"})
            with contextlib.suppress(OSError):
                urllib.request.urlopen(request, timeout=5.0, context=context).close()
                return
            log = self._folder / "apiserver.log"
            assert time.monotonic() < end, log.read_text(errors="replace")[-2000:]
            time.sleep(0.05)


def _free_ports(count: int) -> Iterator[int]:
    """Of the loopback; all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return iter([one.getsockname()[1] for one in sockets])


def free_port() -> int:
    """One of the loopback."""
    return next(_free_ports(1))


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
