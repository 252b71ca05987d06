"""The root file system of a machine with another processor than this one.

None of its programs can run here, and emulated it would take a long time to install it: the
packages that debootstrap chooses are unpacked, and never configured. What their scripts would
have done and the tests need is done here. It boots with guest/plain-init.
"""

import hashlib
import shutil
import sys
from functools import partial
from pathlib import Path

from tests.vm import image, rootfs
from tests.vm.archive import unanswered
from tests.vm.cache import kept
from tests.vm.flavours import Architecture
from tests.vm.paths import ROOT
from tests.vm.run import run

_PACKAGES = (
    "gcc", "iproute2", "kmod", "libc6-dev", "procps", "python3-bpfcc", "tmux",
)  # fmt: skip
_REQUIREMENTS = ROOT / "scripts" / "dev-requirements.txt"
_HOME = Path("opt/ebpftrace")
_PYTHON = "3.11"  # of image.SUITE
_LINKS = {"usr/bin/awk": "mawk", "usr/bin/cc": "gcc"}
"""What update-alternatives would have chosen."""

_COMMAND = """\
#!/opt/ebpftrace/.venv/bin/python
import sys
from ebpftrace.__main__ import main
sys.exit(main())
"""


def image_of(architecture: Architecture) -> Path:
    """The image for a machine, made now if there is none of this kind."""
    if not architecture.foreign:
        return image.image()
    made_from = (Path(__file__), Path(rootfs.__file__), _REQUIREMENTS)
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in made_from)).hexdigest()
    kind = f"images-{architecture.debian}"
    return kept(kind, f"{digest[:16]}.ext4", partial(_make, architecture))


def _make(architecture: Architecture, path: Path) -> None:
    root = path.parent / "root"
    root.mkdir()
    rootfs.unpack(root, image.SUITE, _PACKAGES, architecture)
    etc, masters = root / "etc", root / "usr/share/base-passwd"
    shutil.copy(masters / "passwd.master", etc / "passwd")
    shutil.copy(masters / "group.master", etc / "group")
    (etc / "hostname").write_text("ebpftrace-vm\n")
    for link, target in _LINKS.items():
        (root / link).symlink_to(target)
    _make_venv(root / _HOME / ".venv", architecture)
    run(["truncate", "--size", image.IMAGE_SIZE, path])
    run(["mkfs.ext4", "-q", "-F", "-L", "root", "-d", root, path])


def _make_venv(venv: Path, architecture: Architecture) -> None:
    """As scripts/setup makes it, by this machine's pip: wheels say what they are for."""
    packages = venv / f"lib/python{_PYTHON}/site-packages"
    platforms = [f"{kind}_{architecture.name}" for kind in ("manylinux2014", "manylinux_2_28")]
    with unanswered():
        run(
            [
                sys.executable, "-m", "pip", "install", "--quiet",
                "--disable-pip-version-check", "--no-deps", "--require-hashes",
                "--target", packages, "--only-binary", ":all:",
                "--implementation", "cp", "--python-version", _PYTHON,
                *(f"--platform={name}" for name in platforms), "--requirement", _REQUIREMENTS,
            ]
        )  # fmt: skip
    (packages / "ebpftrace.pth").write_text(f"/{_HOME}\n")
    binaries = venv / "bin"
    binaries.mkdir()
    (binaries / "python").symlink_to("/usr/bin/python3")
    command = binaries / "ebpftrace"
    command.write_text(_COMMAND)
    command.chmod(0o755)
    (venv / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = true\nversion = {_PYTHON}\n"
    )
