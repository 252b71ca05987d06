from ebpftrace.events import ProcessKey
from ebpftrace.views.dashboard.model.rows import find, rows
from ebpftrace.views.dashboard.model.state import DashboardState, RowKey, Sort
from tests.support import dashboards

BOOKS = dashboards.several()
LEAK = dashboards.leaking_job()


def names(**choices: object) -> list[str]:
    state = DashboardState(**choices)  # type: ignore[arg-type]
    return [
        row.process.comm if row.process else row.job.identity.name for row in rows(BOOKS, state)
    ]


def jobs(**choices: object) -> list[str]:
    return names(all_folded=True, **choices)


def test_each_order() -> None:
    assert jobs() == ["near", "acme/search#903", "steady", "[bold]日本語ジョブ🚀[/]", "killed"]
    assert jobs(sort=Sort.GROWTH)[:2] == ["near", "acme/search#903"]
    # Those that do not grow follow, the nearest to its limit first.
    assert jobs(sort=Sort.TIME) == [
        "near", "acme/search#903", "[bold]日本語ジョブ🚀[/]", "killed", "steady",
    ]  # fmt: skip
    assert jobs(sort=Sort.NAME)[1] == "acme/search#903"


def test_a_filter_finds_jobs_and_single_processes() -> None:
    assert names(filter_text="DEPS") == ["acme/search#903", "go"]
    assert names(filter_text="4790") == ["acme/search#903", "go"]
    assert names(filter_text="SEARCH") == ["acme/search#903", "gopls", "go"]
    assert names(filter_text="日本") == ["[bold]日本語ジョブ🚀[/]", "[/]\\x1b[2J"]
    assert names(filter_text="no such job") == []


def test_the_cursor_stays_with_its_row_and_else_near_by() -> None:
    process = LEAK.processes[1]
    key = RowKey(LEAK.identity.key, process.key)
    listed = rows(BOOKS, DashboardState())
    assert listed[find(listed, DashboardState(cursor=key))].process == process
    folded = rows(BOOKS, DashboardState(all_folded=True))
    assert folded[find(folded, DashboardState(cursor=key))].key == RowKey(LEAK.identity.key)
    ended = RowKey(LEAK.identity.key, ProcessKey(1, 1))
    assert find(listed, DashboardState(cursor=ended, index=4)) == 4
    assert find(listed, DashboardState(cursor=RowKey("gone"), index=99)) == len(listed) - 1
    assert find([], DashboardState(cursor=key, index=3)) == 0
