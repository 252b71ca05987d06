"""Caches that are empty whenever a job starts."""

import pytest

from ebpftrace.doctor.files.lint import lint_text

NEW = [
    "$(mktemp -d)",
    "$RUNNER_TEMP/x",
    "${GITHUB_WORKSPACE}/x",
    "/tmp/$GITHUB_RUN_ID",
    "/tmp/${CI_JOB_ID}",
    "/tmp/x.$$",
    "/tmp/$BUILD_NUMBER",
]
KEPT = ["/var/cache/x", "$HOME/.cache", "~/.cache", "$(go env GOCACHE)", "/tmp/x", "$UNKNOWN/x"]


@pytest.mark.parametrize("variable", ["GOPLSCACHE", "GOCACHE", "GOMODCACHE"])
@pytest.mark.parametrize("value", NEW)
def test_new_in_each_job(variable: str, value: str) -> None:
    found = [one.rule.name for one in lint_text("x.sh", f'export {variable}="{value}"')]
    assert found == [f"fresh-{variable.lower()}"]


@pytest.mark.parametrize("value", KEPT)
def test_shared(value: str) -> None:
    assert lint_text("x.sh", f"export GOCACHE={value}") == ()


def test_a_variable_of_the_file_is_followed() -> None:
    text = "a=$(mktemp -d)\nb=$a/x\nc=$c/y\nGOCACHE=$b/go gopls\nGOMODCACHE=$c gopls\n"
    (one,) = lint_text("x.sh", text)
    assert (one.rule.name, one.start) == ("fresh-gocache", (4, 1))


@pytest.mark.parametrize(
    ("keeps", "number"),
    [
        ("steps:\n  - uses: actions/cache@v4\n", 0),
        ("cache:\n  paths:\n    - x\n", 0),
        ("steps:\n  - uses: actions/checkout@v4\n", 1),
    ],
)
def test_a_folder_that_is_saved_and_restored_is_not_new(keeps: str, number: int) -> None:
    text = f"{keeps}env:\n  GOCACHE: $CI_PROJECT_DIR/go\n"
    assert len(lint_text("x.yml", text)) == number


def test_no_step_restores_a_path_that_differs_in_each_run() -> None:
    text = "uses: actions/cache@v4\nGOCACHE: /tmp/${{ github.run_id }}\n"
    assert len(lint_text("x.yml", text)) == 1
