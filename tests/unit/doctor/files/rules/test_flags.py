"""Flags and versions of gopls: only where gopls is what runs."""

import pytest

from ebpftrace.doctor.files.lint import lint_text


def found(text: str) -> list[str]:
    return [one.rule.name for one in lint_text("x.sh", text)]


@pytest.mark.parametrize(
    "text",
    [
        "gopls -memprofile=x",
        "gopls --memprofile x",
        "gopls serve -cachefile",
        "~/go/bin/gopls --skip-install",
        "${GOPLS} --no-background-analysis",
        "go run golang.org/x/tools/gopls@v0.24.0 -memprofile=x",
        "A=1 sudo -u x env B=2 timeout 5 gopls -memprofile=x",
        "ebpftrace run --memory 2GiB -- gopls -memprofile=x",
    ],
)
def test_flags_that_gopls_does_not_have(text: str) -> None:
    assert found(text) == ["gopls-flag"]


@pytest.mark.parametrize(
    "text",
    [
        "go test -memprofile=x ./gopls",
        "gopls -profile.mem=x check main.go",
        "gopls check ./-memprofile",
        "echo gopls -memprofile=x",
        "grep -e -memprofile gopls",
        "gopls-wrapper -memprofile=x",
    ],
)
def test_what_is_no_flag_of_gopls(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("version", ["v0.13.3", "v0.14.3", "v0.14.4"])
def test_versions_that_do_not_exist(version: str) -> None:
    assert found(f"go install golang.org/x/tools/gopls@{version}") == ["gopls-version"]


@pytest.mark.parametrize("version", ["v0.14.2", "v0.24.0", "latest"])
def test_versions_that_exist_or_may(version: str) -> None:
    assert found(f"go install golang.org/x/tools/gopls@{version}") == []
