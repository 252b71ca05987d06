"""Variables and settings."""

import pytest

from ebpftrace.doctor.files.lint import lint_text


@pytest.mark.parametrize(
    ("file", "text", "rule"),
    [
        ("x.sh", "export GOLANG_ORG_GOPLS_CACHE_DIR=/x", "gopls-variable"),
        ("x.sh", "docker run -e GOLANG_ORG_GOPLS_DISABLE_CACHE=1 x", "gopls-variable"),
        ("x.yml", "gopls:\n  dependencies: shallow", "gopls-setting"),
        ("x.json", '{"gopls.dependencies": "shallow"}', "gopls-setting"),
        ("x.yml", "GOMEMLIMIT: 2GB", "gomemlimit"),
        ("x.sh", "GOMEMLIMIT=1.5GiB a", "gomemlimit"),
        ("x.sh", "GOMEMLIMIT=512m a", "gomemlimit"),
    ],
)
def test_what_is_not_read_or_refused(file: str, text: str, rule: str) -> None:
    assert [one.rule.name for one in lint_text(file, text)] == [rule]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("x.sh", "echo $GOLANG_ORG_GOPLS_CACHE_DIR"),
        ("x.yml", "dependencies: deep"),
        ("x.yml", "- dependencies"),
        ("x.sh", "GOMEMLIMIT=2GiB GOGC=25 a"),
        ("x.sh", "GOMEMLIMIT=off a"),
        ("x.sh", "GOMEMLIMIT=1887436800 a"),
        ("x.sh", 'GOMEMLIMIT="$limit" a'),
        ("x.yml", "GOMEMLIMIT: ${{ vars.LIMIT }}"),
    ],
)
def test_what_is_right_or_not_known(file: str, text: str) -> None:
    assert lint_text(file, text) == ()
