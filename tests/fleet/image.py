"""An image for pods, made without a registry: a static busybox by the names of its programs."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

PAUSE, BUSYBOX = "localhost/pause:1", "localhost/busybox:1"
_PROGRAMS = ("cat", "head", "sh", "sleep", "tail", "tr")


def write_image(archive: Path, busybox: Path) -> None:
    """An archive as `docker save` writes it, for `ctr images import`. Source: the Docker Image
    Specification v1.2, "Combined Image JSON + Filesystem Changeset Format"."""
    layer = _layer(busybox)
    config = json.dumps({
        "architecture": "amd64", "os": "linux",
        "config": {"Cmd": ["/bin/sleep", "1000000"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_sha256(layer)}"]},
    }).encode()  # fmt: skip
    name = f"{_sha256(config)}.json"
    manifest = [{"Config": name, "RepoTags": [PAUSE, BUSYBOX], "Layers": ["layer.tar"]}]
    with tarfile.open(archive, "w") as tar:
        _add(tar, "layer.tar", layer)
        _add(tar, name, config)
        _add(tar, "manifest.json", json.dumps(manifest).encode())


def _layer(busybox: Path) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for folder in ("bin", "tmp", "etc"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        _add(tar, "bin/busybox", busybox.read_bytes(), 0o755)
        for name in _PROGRAMS:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return made.getvalue()


def _add(tar: tarfile.TarFile, path: str, data: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(data), mode
    tar.addfile(entry, io.BytesIO(data))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
