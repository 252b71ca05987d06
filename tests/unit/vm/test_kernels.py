"""tests/vm/kernels.py and archive.py: which kernel is taken. The archive is a fake."""

from pathlib import Path

import pytest

from tests.vm import archive, kernels
from tests.vm.archive import GoneError, Suite
from tests.vm.flavours import flavour
from tests.vm.kernels import Offer
from tests.vm.run import UnavailableError, VmError

ARCHIVE = {
    "bullseye-security": ["linux-image-5.10.0-46-cloud-amd64"],
    "bookworm-security": ["linux-image-6.1.0-56-cloud-amd64"],
    "bookworm-backports": ["linux-image-6.12.95+deb12-cloud-amd64"],
    "trixie-security": ["linux-image-6.12.117+deb13-cloud-amd64"],
    "trixie-backports": [
        "linux-base-cloud-amd64",
        "linux-image-7.3.4+deb13-cloud-amd64",
        "linux-modules-cloud-amd64",
    ],
}


@pytest.fixture(autouse=True)
def suites(monkeypatch: pytest.MonkeyPatch) -> None:
    def update(suite: Suite) -> None:
        if suite.suite not in ARCHIVE:
            raise GoneError(f"there is no suite {suite.suite}")

    monkeypatch.setattr(Suite, "update", update)
    monkeypatch.setattr(Suite, "depends", lambda suite, _package: ARCHIVE[suite.suite])


def test_each_series_is_listed_once_without_removed_suites() -> None:
    assert list(kernels.offers().values()) == [
        Offer("5.10", "5.10.0-46-cloud-amd64", "bullseye-security"),
        Offer("6.1", "6.1.0-56-cloud-amd64", "bookworm-security"),
        Offer("6.12", "6.12.117+deb13-cloud-amd64", "trixie-security"),
        Offer("7.3", "7.3.4+deb13-cloud-amd64", "trixie-backports"),
    ]


def test_kernels_of_another_architecture_are_asked_for_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def depends(suite: Suite, package: str) -> list[str]:
        asked.append((suite._architecture, package))
        return [f"linux-image-6.12.9+deb13-{package.removeprefix('linux-image-')}"]

    monkeypatch.setattr(Suite, "depends", depends)
    large = flavour("arm64", 16)
    assert kernels.offers(large) == {
        "6.12": Offer("6.12", "6.12.9+deb13-arm64-16k", "trixie-backports", large)
    }
    assert set(asked) == {("arm64", "linux-image-arm64-16k")}


def test_kept_kernel_of_another_flavour_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kernels, "CACHE", tmp_path)
    for name in ("6.12.1-cloud-amd64", "6.12.2-cloud-arm64", "6.12.3-arm64-16k"):
        (tmp_path / "kernels" / name).mkdir(parents=True)
    taken = kernels.fetch("6.12", flavour("arm64", 4))
    assert taken.release == "6.12.2-cloud-arm64"
    assert (taken.name, kernels.fetch("6.12").name) == ("6.12-cloud-arm64", "6.12")


def test_missing_size_of_pages_is_said_with_those_that_are_there() -> None:
    with pytest.raises(UnavailableError, match="arm64 with pages of 64 KiB, but of 4 and 16"):
        flavour("arm64", 64)


def test_suite_without_a_package_says_so_and_other_mistakes_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    said = "apt-cache failed with 100:\nE: No packages found"

    def refuse(_suite: Suite, *_argv: str) -> str:
        raise VmError(said)

    monkeypatch.setattr(Suite, "_apt", refuse)
    with pytest.raises(GoneError, match="there is no linux-image-arm64-16k in sid"):
        Suite("sid").depends("linux-image-arm64-16k")
    said = "E: something else"
    with pytest.raises(VmError, match="something else") as error:
        Suite("sid").depends("linux-image-arm64-16k")
    assert not isinstance(error.value, GoneError)


def test_matrix_without_one_of_its_kernels_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def update(suite: Suite) -> None:
        if suite.suite == "sid":
            raise UnavailableError("Could not connect")

    monkeypatch.setattr(Suite, "update", update)
    with pytest.raises(UnavailableError, match="Could not connect"):
        kernels.offers()


def test_only_removed_suites_are_our_own_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernels, "SUITES", ("sidd",))
    with pytest.raises(VmError, match="none of these has a kernel: sidd") as error:
        kernels.offers()
    assert not isinstance(error.value, UnavailableError)


@pytest.mark.parametrize(
    ("said", "unavailable"),
    [
        ("E: Failed to fetch http://a/b.deb  Could not connect to a:80", True),
        ("E: Failed getting release file http://a/dists/bookworm/Release", True),
        ("go: proxy/x: dial tcp: lookup proxy: no such host\nerror: gopls was not built", True),
        ("NewConnectionError('Failed to establish a new connection: refused')", True),
        ("go: proxy/x: 404 Not Found", False),
        ("E: Failed to fetch http://a/b.deb  404  Not Found", False),
        ("E: Could not get lock /var/lib/apt/lists/lock", False),
        ("E: Couldn't find these debs: no-such-package", False),
        ("E: Unable to locate package linux-image-9.9", False),
        ("E: something else", False),
    ],
)
def test_our_own_error_is_not_an_unreachable_archive(said: str, unavailable: bool) -> None:
    with pytest.raises(VmError) as error, archive.unanswered():
        raise VmError(said)
    assert isinstance(error.value, UnavailableError) == unavailable
