"""What a forked child shares with its parent counts towards no bound of its own."""

from tests.support.fuses import BOUND, COMM, MIB, blown
from tests.support.observer import Observer
from tests.support.workload import PAGE, Workload
from tests.support.writers import write_by_call


def test_what_a_parent_gave_back_counts_at_the_childs_next_pages(observer: Observer) -> None:
    """Without a reading in between, but for LAG_PAGES of bpf/held.h."""
    with Workload(COMM) as workload:
        address = int(workload.do("map 100MiB")[1], 16)
        workload.do(f"touch 0 0 {BOUND - 8 * MIB}")
        (child,) = map(int, workload.do("fork"))
        assert observer.counters(child).inherited.held_bytes >= BOUND - 8 * MIB
        workload.do("dontneed 0")
        write_by_call(child, address + BOUND - 8 * MIB, 20 * MIB // PAGE)
        event = blown(observer, child)
        assert BOUND <= event.held_bytes < BOUND + MIB
        held = observer.counters(child).usage.held_bytes
        assert BOUND + 8 * MIB < held <= BOUND + 12 * MIB + MIB
