"""Writes a root file system as an image of one layer, for containerd, podman and docker.

    python -m deploy.image.archive ROOT FILE NAME:TAG

The archive is an OCI image layout, and has docker's manifest.json beside that. The same root
makes the same image: entries are sorted, and no file is newer than SOURCE_DATE_EPOCH.
Source: github.com/opencontainers/image-spec, image-layout.md, config.md.
"""

import gzip
import hashlib
import io
import json
import os
import platform
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

_ENTRYPOINT, _COMMAND = ["/usr/bin/ebpftrace"], ["serve"]
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_EMPTY = {"dev", "proc", "sys", "run", "tmp"}  # folders whose content is the container's
_OCI = "application/vnd.oci.image"


class _Hashing(io.RawIOBase):
    """Passes what is written on, and hashes it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.digest, self.size = file, hashlib.sha256(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        raw = bytes(data)
        self.digest.update(raw)
        self.size += len(raw)
        return self._file.write(raw)


def write_image(root: Path, file: Path, name: str, newest: int) -> dict[str, int]:
    """Sizes in bytes: `unpacked`, and `image`, the compressed archive. OSError."""
    layer = file.with_name(f"{file.name}.layer")
    try:
        with layer.open("wb") as raw:
            packed = _Hashing(raw)
            with gzip.GzipFile("", "wb", compresslevel=6, fileobj=packed, mtime=0) as squeezed:
                plain = _Hashing(squeezed)  # type: ignore[arg-type]
                with tarfile.open(fileobj=plain, mode="w|", format=tarfile.PAX_FORMAT) as tar:
                    for path in _entries(root):
                        _add(tar, root, path, newest)
        config = _json({
            "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": {"Entrypoint": _ENTRYPOINT, "Cmd": _COMMAND, "Env": [_PATH]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{plain.digest.hexdigest()}"]},
        })  # fmt: skip
        with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as tar:
            _write(tar, layer, packed, config, name, newest)
    finally:
        layer.unlink(missing_ok=True)
    return {"unpacked": plain.size, "image": file.stat().st_size}


def _entries(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        if here != root:
            yield here
        if here.parent == root and here.name in _EMPTY:
            folders.clear()
            continue
        folders.sort()
        links = [name for name in folders if (here / name).is_symlink()]
        yield from (here / name for name in sorted([*files, *links]))


def _add(tar: tarfile.TarFile, root: Path, path: Path, newest: int) -> None:
    member = tar.gettarinfo(path, str(path.relative_to(root)))
    if member is None or member.ischr() or member.isblk() or member.isfifo():
        return
    member.mtime, member.uname, member.gname = min(member.mtime, newest), "", ""
    if member.isreg():
        with path.open("rb") as content:
            tar.addfile(member, content)
    else:
        tar.addfile(member)


def _write(
    tar: tarfile.TarFile, layer: Path, packed: _Hashing, config: bytes, name: str, newest: int
) -> None:
    layer_digest = packed.digest.hexdigest()
    config_digest = hashlib.sha256(config).hexdigest()
    manifest = _json({
        "schemaVersion": 2,
        "mediaType": f"{_OCI}.manifest.v1+json",
        "config": _about(f"{_OCI}.config.v1+json", config_digest, len(config)),
        "layers": [_about(f"{_OCI}.layer.v1.tar+gzip", layer_digest, packed.size)],
    })  # fmt: skip
    digest = hashlib.sha256(manifest).hexdigest()
    listed = _about(f"{_OCI}.manifest.v1+json", digest, len(manifest))
    listed["annotations"] = {
        "io.containerd.image.name": name, "org.opencontainers.image.ref.name": name,
    }  # fmt: skip
    docker = {"Config": f"blobs/sha256/{config_digest}", "RepoTags": [name],
              "Layers": [f"blobs/sha256/{layer_digest}"]}  # fmt: skip
    texts = {
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
        "index.json": _json({"schemaVersion": 2, "manifests": [listed]}),
        "manifest.json": _json([docker]),
        f"blobs/sha256/{config_digest}": config,
        f"blobs/sha256/{digest}": manifest,
    }
    for at, text in texts.items():
        member = tarfile.TarInfo(at)
        member.size, member.mtime = len(text), newest
        tar.addfile(member, io.BytesIO(text))
    member = tarfile.TarInfo(f"blobs/sha256/{layer_digest}")
    member.size, member.mtime = packed.size, newest
    with layer.open("rb") as content:
        tar.addfile(member, content)


def _about(kind: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": kind, "digest": f"sha256:{digest}", "size": size}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


if __name__ == "__main__":
    sizes = write_image(
        Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3],
        int(os.environ.get("SOURCE_DATE_EPOCH", "1")),
    )  # fmt: skip
    mib = {name: f"{size / (1 << 20):.0f} MiB" for name, size in sizes.items()}
    print(f"{sys.argv[2]}: {sys.argv[3]}, {mib['image']}, unpacked {mib['unpacked']}")
