"""docs/rooms.md names every room, and every path it names is there."""

import re
from pathlib import Path

import pytest

from ebpftrace.act.actions import ACTIONS
from ebpftrace.cli.outputs import NAMES
from ebpftrace.jobs.ci.systems import CI_SYSTEMS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "rooms.md").read_text()
PATHS = sorted(
    set(re.findall(r"`((?:ebpftrace|bpf|docs|tests|bench|vagrant|deploy)/[\w/.-]*)`", PAGE))
)
CHANGES = {
    "CI system",
    "container path",
    "detector",
    "action",
    "policy key",
    "default bound",
    "kernel event",
    "dashboard column",
    "JSON field",
    "output",
    "metric",
    "processor architecture",
    "metric of `serve`",
    "alert or recording rule",
    "check of `/readyz`",
    "check of `doctor`",
    "rule of `doctor --file`",
    "exit code",
    "command",
    "option of `watch`",
}
IN_HELP = {"output", "exit code", "command", "option of `watch`"}  # share/ is made from it
MOST_LINES, MOST_FILES = 250, 20
PLAIN_VALUES = {
    "act/audit/place",
    "act/fuse/events",
    "engine/request",
    "events",
    "history/run",
    "jobs/location",
    "ledger/notes",
    "views/dashboard/model/key_context",
    "views/dashboard/model/screen_data",
    "views/start",
}
INTERFACES = {"judge/past", "probe/interface", "views/pipe/waiter"}
SYSTEM_CALLS = {  # tests/kernel makes them
    "probe/loading/bpf/maps",
    "probe/loading/bpf/programs",
    "probe/loading/bpf/syscall",
    "probe/loading/library_ring",
}
PARTS = {  # by the test of the module that they are parts of
    "cli/top": "../e2e/test_top.py",
    "doctor/gopls/own_help": "../e2e/gopls/test_doctor.py",
    "doctor/gopls/processes": "../e2e/gopls/test_doctor.py",
    "doctor/node/kernel": "../e2e/test_doctor.py",
    "doctor/node/node": "../e2e/test_doctor.py",
    "doctor/files/context": "doctor/files/rules/test_caches.py",
    "doctor/files/output": "doctor/files/test_lint.py",
    "doctor/files/past": "cli/test_doctor.py",
    "doctor/files/problem": "doctor/files/test_lint.py",
    "doctor/files/source": "doctor/files/test_shell.py",
    "doctor/files/statements": "doctor/files/test_shell.py",
    "doctor/files/words": "doctor/files/rules/test_flags.py",
    "doctor/files/formats/lists": "doctor/files/formats/test_yaml.py",
    "doctor/files/formats/script": "doctor/files/test_lint.py",
    "fleet/asker": "fleet/test_top.py",
    "fleet/fleet": "fleet/test_top.py",
    "cli/run": "../e2e/test_run.py",
    "cli/tables/as_json": "cli/test_incidents.py",
    "host/systemd": "../kernel/actions/test_systemd.py",
    "run/around": "../e2e/test_run.py",
    "run/cgroup": "../e2e/test_run.py",
    "run/command": "../e2e/test_run_ends.py",
    "run/result": "run/test_paragraph.py",
    "run/scope": "../e2e/test_run_scope.py",
    "run/run": "../e2e/test_run.py",
    "cli/tables/history": "cli/test_history.py",
    "cli/tables/incidents": "cli/test_incidents.py",
    "cli/tables/table": "cli/test_history.py",
    "incidents/ids": "incidents/test_evidence.py",
    "incidents/known": "incidents/test_catalog.py",
    "incidents/logged": "incidents/test_catalog.py",
    "engine/recording/running": "engine/recording",
    "service/http/answer": "service/http/test_app.py",
    "service/http/connection": "service/http/test_server.py",
    "history/failures": "history/test_sqlite_store.py",
    "history/file": "history/test_sqlite_store.py",
    "trusted/walk": "trusted/test_folder.py",
    "history/rows": "history/test_sqlite_store.py",
    "judge/verdicts": "judge/test_judge.py",
    "history/schema": "history/test_sqlite_store.py",
    "jobs/ci/servers": "jobs/ci/test_table.py",
    "jobs/ci/services": "jobs/ci/test_table.py",
    "probe/ahead": "cli/test_compile.py",
}
UNMIRRORED = PLAIN_VALUES | INTERFACES | SYSTEM_CALLS | PARTS.keys()


@pytest.mark.parametrize("path", PATHS)
def test_every_path_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def test_every_room_is_named() -> None:
    top = {path for path in (ROOT / "ebpftrace").iterdir() if (path / "__init__.py").exists()}
    act = {path.parent for path in (ROOT / "ebpftrace" / "act").glob("*/__init__.py")}
    rooms = {f"{path.relative_to(ROOT)}/" for path in top | act}
    assert sorted(rooms - set(PATHS)) == []


def test_the_usual_changes_have_a_row() -> None:
    table = PAGE.partition("## To add …")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|", table, re.MULTILINE)[2:]
    assert {name for name, _, _ in rows} >= CHANGES
    assert {name for name, _, also in rows if "`make share`" in also} == IN_HELP
    for name, touched, _ in rows:
        files = re.findall(r"`([\w/.-]+)`", touched)
        assert files, name
        assert len(files) <= (6 if name == "kernel event" else 3), name


@pytest.mark.parametrize("page", ["policy.md", "watch.md"])
def test_the_pages_of_a_ci_system_s_row_name_each(page: str) -> None:
    text = (ROOT / "docs" / page).read_text()
    missing = [one.kind for one in CI_SYSTEMS if not re.search(rf"\b{one.kind}\b", text)]
    assert missing == []


def test_the_page_of_an_output_s_row_describes_each() -> None:
    text = (ROOT / "docs" / "watch.md").read_text()
    assert [name for name in NAMES if f"| `--output {name}` |" not in text] == []


def test_the_readme_links_every_page() -> None:
    linked = set(re.findall(r"\]\(docs/([\w.-]+)\)", (ROOT / "README.md").read_text()))
    assert {page.name for page in (ROOT / "docs").glob("*.md")} <= linked


def test_the_readme_has_the_number_of_ci_systems_and_all_actions() -> None:
    readme = (ROOT / "README.md").read_text()
    systems = re.search(r"CI run \(([^)]*), and (\d+) more\)", readme)
    assert systems
    assert systems[1].count(",") + 1 + int(systems[2]) == len(CI_SYSTEMS)
    actions = re.search(r"a ladder of actions \(([^)]*)\)", readme)
    assert actions
    assert set(re.split(r",\s*", actions[1])) == set(ACTIONS)


@pytest.mark.parametrize("start", re.findall(r"\| `([\w.]+)`(?:, `[\w.]+`)* \|$", PAGE, re.M))
def test_the_file_to_start_with_is_there(start: str) -> None:
    # Not .hypothesis and the like, which another test may change meanwhile.
    folders = [one for one in ROOT.iterdir() if one.is_dir() and one.name[0] != "."]
    assert any(list(folder.rglob(start)) for folder in folders)


def test_files_and_folders_stay_small() -> None:
    modules = list((ROOT / "ebpftrace").rglob("*.py"))
    long = [path for path in modules if len(path.read_text().splitlines()) > MOST_LINES]
    folders = {path.parent for path in modules}
    full = [path for path in folders if len(list(path.glob("*.py"))) > MOST_FILES]
    assert (long, full) == ([], [])


def test_no_class_name_exists_twice() -> None:
    names = [
        name
        for path in (ROOT / "ebpftrace").rglob("*.py")
        for name in re.findall(r"^ *class (\w+)", path.read_text(), re.MULTILINE)
    ]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_unit_tests_mirror_the_package() -> None:
    modules = {
        str(path.relative_to(ROOT / "ebpftrace").with_suffix(""))
        for path in (ROOT / "ebpftrace").rglob("*.py")
        if not path.name.startswith("__")
    }
    unit = ROOT / "tests" / "unit"
    mirrored = {
        module
        for module in modules
        if list((unit / module).parent.glob(f"test_{Path(module).name.lstrip('_')}*.py"))
    }
    assert (modules - mirrored, UNMIRRORED - modules) == (UNMIRRORED, set())
    assert [test for test in PARTS.values() if not (unit / test).exists()] == []
