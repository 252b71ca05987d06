"""How much of a bench is run: all of it, or just enough to check that it works."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Scale:
    """Rounds are how often every condition has its turn; times are in seconds."""

    start_rounds: int = 10
    settle: float = 10.0  # before memory is read
    idle: float = 20.0
    tracked_processes: int = 200
    tracked_cgroups: int = 100
    tracked: float = 10.0
    many: tuple[tuple[int, int, int], ...] = (
        (200, 100, 0),
        (2000, 500, 0),
        (10_000, 2000, 0),
        (10_000, 2000, 200),
    )  # processes, their cgroups, and how many of them change each second
    kept_processes: int = 300
    kept_seconds: int = 900
    many_settle: float = 15.0
    many_seconds: float = 60.0  # a whole reading and a whole snapshot are in it
    scrapes: int = 10
    serve_seconds: float = 30.0
    scrape_every: float = 15.0
    scrape_count: int = 100_000
    fleet_node: tuple[int, int, int] = (100, 10, 20)  # as `many`
    fleet_pages: int = 8
    fleet_nodes: tuple[int, ...] = (10, 200, 2000)
    fleet_seconds: float = 60.0
    churned_jobs: int = 20_000
    churn_seconds: float = 3600.0
    storm_rounds: int = 15
    storm_ms: int = 60  # CPU time of one storm
    gopls_rounds: int = 5
    gopls_edits: int = 50
    breach_rounds: int = 4
    breaches: int = 50  # of one condition in one round
    slow_breaches: int = 10  # the same, where one takes up to a second
    flood_rounds: int = 2
    flood_breaches: int = 16  # under one flood in one round
    amplified_modules: int = 5
    race_rounds: int = 2
    history_runs: int = 100_000
    history_reads: int = 500
    races: int = 50  # of one condition in one round
    huge_races: int = 25  # the same, with huge pages
    other_races: int = 10  # the same, with every CPU busy, and for each other way to grow
    beside: Path | None = None  # another checkout, whose ebpftrace is measured as well


FULL = Scale()
QUICK = Scale(
    start_rounds=1,
    history_runs=2000,
    history_reads=20,
    settle=0.5,
    idle=0.5,
    tracked_processes=4,
    tracked_cgroups=2,
    tracked=0.5,
    many=((8, 2, 0), (8, 2, 2)),
    kept_processes=4,
    kept_seconds=3,
    many_settle=0.5,
    many_seconds=1.0,
    scrapes=1,
    serve_seconds=1.0,
    scrape_every=0.5,
    scrape_count=40,
    fleet_node=(8, 2, 2),
    fleet_pages=2,
    fleet_nodes=(2,),
    fleet_seconds=2.0,
    churned_jobs=20,
    churn_seconds=2.0,
    storm_rounds=1,
    storm_ms=5,
    gopls_rounds=1,
    gopls_edits=5,
    breach_rounds=1,
    breaches=12,
    slow_breaches=3,
    flood_rounds=1,
    flood_breaches=4,
    amplified_modules=1,
    race_rounds=1,
    races=2,
    huge_races=2,
    other_races=1,
)
