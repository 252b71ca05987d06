"""A random history of jobs: the same for the same seed."""

import random
from collections.abc import Iterator, Sequence

from ebpftrace.ledger import Snapshot
from tests.support.scripted_ledger import ScriptedLedger, identity


def random_history(seed: int, count: int, names: Sequence[str]) -> Iterator[Snapshot]:
    """Snapshots of some processes, of which few change at a time.

    They and their jobs are called by `names`, in three cgroups.
    """
    choose, book = random.Random(seed), ScriptedLedger()
    for pid in range(1, 9):
        book.start(pid, 10 * pid, identity(choose.choice(names), pid % 3))
    for _ in range(count):
        pid = choose.randrange(1, 12)
        match choose.randrange(12):
            case 0 | 1:
                book.read(pid, choose.randrange(100))
            case 2:
                book.exit(pid)
            case 3:
                book.start(pid, 7, identity(choose.choice(names), pid % 3))
            case 4:
                book.rename(pid, choose.choice(names))
            case 5:
                book.move(pid, identity(choose.choice(names), choose.randrange(3)))
            case 6:
                book.cgroup(choose.randrange(3), charge_bytes=choose.randrange(1 << 30))
        book.at += choose.choice((0.3, 1, 1))
        yield book.snapshot()
