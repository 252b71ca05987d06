"""The image archive: one layer, its entry point, and the same bytes for the same files."""

import gzip
import hashlib
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from deploy.image.archive import write_image

NEWEST = 1_000_000_000
NAME = "localhost/ebpftrace:1"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    for name in ("usr/bin", "tmp", "etc", "proc"):
        (made / name).mkdir(parents=True)
    (made / "usr/bin/ebpftrace").write_text("#!/bin/sh\n", encoding="utf-8")
    (made / "usr/bin/ebpftrace").chmod(0o755)
    os.link(made / "usr/bin/ebpftrace", made / "usr/bin/other")
    (made / "tmp/secret").write_text("x", encoding="utf-8")
    (made / "proc/self").write_text("x", encoding="utf-8")
    (made / "bin").symlink_to("usr/bin")
    os.mkfifo(made / "etc/pipe")
    return made


def written(root: Path, name: str = "image.tar") -> Path:
    file = root.parent / name
    write_image(root, file, NAME, NEWEST)
    return file


def content(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as tar:
        return {one.name: tar.extractfile(one).read() for one in tar if one.isreg()}  # type: ignore[union-attr]


def loaded(raw: bytes) -> Any:
    return json.loads(raw)


def test_every_blob_has_the_name_of_its_content(root: Path) -> None:
    files = content(written(root))
    (manifest,) = loaded(files["index.json"])["manifests"]
    assert manifest["annotations"]["io.containerd.image.name"] == NAME
    image = loaded(files["blobs/sha256/" + manifest["digest"].removeprefix("sha256:")])
    for one in (manifest, image["config"], *image["layers"]):
        blob = files["blobs/sha256/" + one["digest"].removeprefix("sha256:")]
        assert f"sha256:{hashlib.sha256(blob).hexdigest()}" == one["digest"]
        assert len(blob) == one["size"]


def test_docker_finds_the_same_config_and_layer(root: Path) -> None:
    files = content(written(root))
    (docker,) = loaded(files["manifest.json"])
    config = loaded(files[docker["Config"]])
    plain = gzip.decompress(files[docker["Layers"][0]])
    assert docker["RepoTags"] == [NAME]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(plain).hexdigest()}"]
    assert config["config"]["Entrypoint"] == ["/usr/bin/ebpftrace"]


def test_the_layer_has_files_and_links_and_nothing_of_the_machine(root: Path) -> None:
    files = content(written(root))
    (docker,) = loaded(files["manifest.json"])
    with tarfile.open(fileobj=io.BytesIO(files[docker["Layers"][0]])) as tar:
        found = {one.name: one for one in tar}
    assert sorted(found) == [
        "bin", "etc", "proc", "tmp", "usr", "usr/bin", "usr/bin/ebpftrace", "usr/bin/other",
    ]  # fmt: skip
    assert found["bin"].issym()
    assert found["usr/bin/other"].islnk()
    assert found["usr/bin/ebpftrace"].mode == 0o755
    assert {one.mtime for one in found.values()} == {NEWEST}
    assert {one.uname for one in found.values()} == {""}


def test_the_same_files_make_the_same_image(root: Path) -> None:
    first = written(root)
    os.utime(root / "usr/bin/ebpftrace", (2e9, 2e9))
    assert first.read_bytes() == written(root, "again.tar").read_bytes()
