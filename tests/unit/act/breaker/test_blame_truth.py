"""No sentence names, and no policy ends, a process whose own counters do not support it.

Scripted worlds: watched processes, forks, programs that are not watched, files of a tmpfs,
pages copied after a fork, memory that several processes share, that one freed lazily, kernel
memory of which some can be dropped, and a limit above that siblings fill. What is true is kept
beside the ledger, which is given only what the kernel would report.
"""

import re
from dataclasses import dataclass, field
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.act.breaker.targets import TARGET_SHARE, TargetSelection, select_targets
from ebpftrace.act.policy.policy import Match, Mode, Policy, Step
from ebpftrace.act.trigger.trigger import Firing
from ebpftrace.counters import CgroupContents, LimitLevel, ProcessCounters, Usage
from ebpftrace.events import StartCause
from ebpftrace.host.memstat import LEAST_BYTES
from ebpftrace.judge.attribution import ALONE_SHARE
from ebpftrace.judge.detectors.builtin import builtin_detectors
from ebpftrace.judge.detectors.climb import ClimbDetector
from ebpftrace.judge.detectors.growth import GrowthDetector
from ebpftrace.judge.detectors.level import LevelDetector
from ebpftrace.judge.finding import Finding, FindingState
from ebpftrace.judge.judge import Judge
from ebpftrace.ledger import Snapshot
from ebpftrace.units import MIB, NS_PER_SECOND, parse_bytes
from tests.support.conditions import growth
from tests.support.scripted_ledger import BEGAN_NS, ScriptedLedger

LIMIT_MIB, NODE_MIB = 2048, 2100
NAMED_SHARE = 2 / 3
INHERITED = 40
POLICY = Policy("p", Match(), (growth(),), Mode.ANY, (Step("signal", NS_PER_SECOND, None),))
SUBJECT = re.compile(r"^gopls (\d+) in job")
PART = re.compile(r"; gopls (\d+) (gained|holds) ([0-9.]+ [KMG]iB) of it$")
REST = re.compile(r"; ([^;]*) holds? ([0-9.]+) ?([KMG]iB)? of ([0-9.]+) ([KMG]iB)$")
ACTING = ("a share", "exhaustion")
ROUNDING = 0.06  # 1.05 GiB is written as 1.1 GiB

STEPS = st.lists(
    st.tuples(
        st.tuples(*[st.sampled_from([-20, 0, 0, 5, 20]) for _ in range(3)]),  # watched
        st.sampled_from([-20, 0, 0, 10, 30]),  # not watched
        st.sampled_from([0, 0, 0, 15]),  # a tmpfs
        st.sampled_from([0, 0, 5]),  # pages copied by the fork
        st.sampled_from([0, 0, 0, -60, 40]),  # freed lazily by process 1, or written to again
        st.sampled_from([0, 0, 0, 12]),  # kernel memory
        st.sampled_from([0, 0, 30]),  # kernel memory that can be dropped
        st.sampled_from([0, 0, 0, -50, 100]),  # siblings below the node
    ),
    min_size=8,
    max_size=40,
)


@dataclass
class World:
    """Sizes in MiB, one of each kind a second. Process 3 is a fork of process 1."""

    shared: int  # of a file that processes 1 and 2 have mapped
    own: dict[int, list[int]] = field(default_factory=lambda: {1: [40], 2: [10], 3: [0]})
    others: list[int] = field(default_factory=lambda: [0])
    tmpfs: list[int] = field(default_factory=lambda: [0])
    copied: list[int] = field(default_factory=lambda: [0])
    lazy: list[int] = field(default_factory=lambda: [0])
    kernel: list[int] = field(default_factory=lambda: [0])
    names: list[int] = field(default_factory=lambda: [0])
    siblings: list[int] = field(default_factory=lambda: [0])

    def step(
        self, watched: tuple[int, ...], others: int, tmpfs: int, copied: int,
        lazy: int = 0, kernel: int = 0, names: int = 0, siblings: int = 0,
    ) -> None:  # fmt: skip
        for (pid, sizes), change in zip(self.own.items(), watched, strict=True):
            sizes.append(max(40 if pid == 1 else 0, sizes[-1] + change))
        self.others.append(max(0, self.others[-1] + others))
        self.tmpfs.append(self.tmpfs[-1] + tmpfs)
        self.copied.append(min(INHERITED, self.copied[-1] + copied))
        # What is freed lazily must be there, and is written to again as process 1 needs it.
        freed = max(0, min(self.own[1][-1] - 40, self.lazy[-1] + lazy))
        self.lazy.append(freed if freed * MIB >= LEAST_BYTES else 0)  # less counts as held
        self.kernel.append(self.kernel[-1] + kernel)
        self.names.append(self.names[-1] + names)
        self.siblings.append(max(0, min(900, self.siblings[-1] + siblings)))

    def held(self, second: int) -> int:
        """Of the whole cgroup."""
        own = sum(sizes[second] for sizes in self.own.values())
        rest = self.others[second] + self.tmpfs[second] + self.copied[second]
        return own + rest + self.shared + self.kernel[second] - self.lazy[second]

    def counted(self, pid: int, second: int) -> int:
        """What the process's own counters support."""
        freed = self.lazy[second] if pid == 1 else 0
        return self.own[pid][second] + (self.shared if pid != 3 else 0) - freed

    @property
    def charge(self) -> int:
        return self.held(-1) + self.lazy[-1] + self.names[-1]

    @property
    def taken(self) -> list[int]:
        """What cannot be dropped below the node."""
        return [self.held(second) + it for second, it in enumerate(self.siblings)]

    def counters(self, pid: int) -> ProcessCounters:
        inherited = Usage(anon_bytes=INHERITED * MIB) if pid == 3 else Usage()
        anon = self.own[pid][-1] * MIB + inherited.anon_bytes
        shmem = self.shared * MIB if pid != 3 else 0
        return ProcessCounters(Usage(anon_bytes=anon, shmem_bytes=shmem), inherited)

    def contents(self) -> CgroupContents:
        own = sum(sizes[-1] for sizes in self.own.values())
        return CgroupContents(
            anon_bytes=(own + self.others[-1] + self.copied[-1]) * MIB,
            shmem_bytes=(self.tmpfs[-1] + self.shared) * MIB,
            lazy_bytes=self.lazy[-1] * MIB,
            lazy_by_process=((1, self.lazy[-1] * MIB),),
        ).with_droppable(self.names[-1] * MIB)

    def levels(self) -> tuple[LimitLevel, ...]:
        own = LimitLevel(7, 0, self.charge * MIB, LIMIT_MIB * MIB)
        siblings = self.siblings[-1] * MIB
        taken = self.charge * MIB + siblings
        contents = self.contents()
        node = LimitLevel(
            99, 1, taken, NODE_MIB * MIB, path="/node",
            kernel_bytes=(self.kernel[-1] + self.names[-1]) * MIB,
            contents=contents._replace(
        anon_bytes=contents.anon_bytes + siblings),
        )  # fmt: skip
        return own, node


def seen(
    world: World, book: ScriptedLedger, judge: Judge
) -> tuple[Snapshot, tuple[Finding, ...], tuple[Finding, ...]]:
    """The next snapshot, with the findings that it begins and those in force."""
    charge = world.charge * MIB
    book.cgroup(
        charge_bytes=charge,
        limit_bytes=LIMIT_MIB * MIB,
        headroom_bytes=LIMIT_MIB * MIB - charge,
        kernel_bytes=(world.kernel[-1] + world.names[-1]) * MIB,
        contents=world.contents(),
        levels=world.levels(),
    )
    snapshot = book.snapshot()
    news = judge.judge(snapshot)
    return snapshot, tuple(it for it in news if it.state is FindingState.BEGIN), judge.active


def lowest(sizes: list[int], second: int) -> int:
    """At a second of the ledger's curve."""
    return min(sizes[second : second + 2])


def second_of(finding: Finding) -> int:
    return (finding.since_ns - BEGAN_NS) // NS_PER_SECOND


def check_sentence(world: World, finding: Finding, now: int) -> None:
    sentence = finding.sentence
    held = [world.held(second) for second in range(now + 1)]
    since = second_of(finding)
    gain = held[now] - lowest(held, since)
    by_gain = finding.measures_gain and since < now and gain > 0
    for found, share in (
        (SUBJECT.search(sentence), ALONE_SHARE),
        (PART.search(sentence), NAMED_SHARE),
    ):
        if found is None:
            continue
        pid = int(found[1])
        counted = [world.counted(pid, second) for second in range(now + 1)]
        whole, part = held[now], counted[now]
        if by_gain:
            whole, part = gain, counted[now] - lowest(counted, since)
        assert part >= share * whole, sentence
        if share == NAMED_SHARE:
            assert found[2] == ("gained" if by_gain else "holds"), sentence
            assert parse_bytes(found[3].replace(" ", "")) <= part * MIB * (1 + ROUNDING), (
                sentence
            )
    if rest := REST.search(sentence):
        size = parse_bytes(f"{rest[2]}{rest[3] or rest[5]}")
        true = world.others[now] + world.copied[now] + world.tmpfs[now] + world.kernel[now]
        assert size <= true * MIB * (1 + ROUNDING), sentence
        assert "tmpfs" not in rest[1] or world.tmpfs[now], sentence
        assert "kernel" not in rest[1] or world.kernel[now], sentence
        assert "not watched" not in rest[1] or world.others[now] + world.copied[now], sentence


def check_shared_limit(world: World, finding: Finding, now: int) -> None:
    """What acts on the share of a limit that siblings fill too is said of a job that grew."""
    if "shared with" not in finding.sentence or finding.detector not in ACTING:
        return
    # What was gained while no others counted towards the limit says nothing of them.
    recent = range(max(0, now - 120), now + 1)
    within = [second for second in recent if world.siblings[second] > NODE_MIB // 64]
    gain = world.held(now) - min(world.held(second) for second in within)
    taken = world.taken
    assert gain > 0, finding.sentence
    assert gain >= (taken[now] - min(taken[second] for second in within)) / 3 - 1, (
        finding.sentence
    )


def check_targets(world: World, finding: Finding, snapshot: Snapshot, now: int) -> None:
    """What is ended has a third of what was judged, and more than what is not watched."""
    freed = {1: world.lazy[now] * MIB}
    with (  # the pids are those of real processes, which are not looked at
        patch("ebpftrace.act.breaker.lazily_freed.lazy_free_bytes", freed.get),
        patch("ebpftrace.host.proc.read_private_bytes", lambda _pid: None),
    ):
        selection = select_targets([POLICY], Firing(POLICY, (finding,)), snapshot)
    if not isinstance(selection, TargetSelection) or selection.descendant_names:
        return
    held = [world.held(second) for second in range(now + 1)]
    since = max(0, min(second_of(finding), now - 60))
    pids = [process.pid for process in (selection.process, *selection.others)]
    part, whole = sum(world.counted(pid, now) for pid in pids), held[now]
    gain = held[now] - held[since]
    if finding.measures_gain and gain > 0:
        part, whole = (
            sum(world.counted(pid, now) - world.counted(pid, since) for pid in pids), gain,
        )  # fmt: skip
    assert part > 0, (finding.sentence, pids)
    assert part >= TARGET_SHARE * whole, (finding.sentence, pids)


@given(STEPS, st.sampled_from([0, 0, 60]))
def test_sentences_and_targets_are_supported_by_counters(
    steps: list[tuple[tuple[int, ...], int, int, int, int, int, int, int]], shared: int
) -> None:
    world, book = World(shared), ScriptedLedger()
    judge = Judge(
        [
            *builtin_detectors(),
            LevelDetector(bound_bytes=120 * MIB, name="a level"),
            LevelDetector(bound_share=0.1, name="a share"),
            GrowthDetector(10 * NS_PER_SECOND, 40 * MIB, name="a short growth"),
            GrowthDetector(60 * NS_PER_SECOND, 80 * MIB, name="a growth"),
            ClimbDetector(MIB, 8 * NS_PER_SECOND, name="a climb"),
        ]
    )
    for pid in world.own:
        how = StartCause.FORK if pid == 3 else StartCause.FOUND
        book.start(pid, counters=world.counters(pid), how=how)
    for now, step in enumerate([None, *steps]):
        book.at = now
        if step is not None:
            world.step(*step)
            for pid in world.own:
                book.read(pid, counters=world.counters(pid))
        snapshot, begun, active = seen(world, book, judge)
        for finding in begun:
            check_sentence(world, finding, now)
            check_shared_limit(world, finding, now)
        for finding in active:
            if finding.monotonic_ns == snapshot.monotonic_ns:  # as a trigger does
                check_targets(world, finding, snapshot, now)


def test_the_worlds_have_findings_that_name_a_process_and_some_that_do_not() -> None:
    """So that the property above is not true of nothing."""
    said = []
    for others in (0, 30):
        world, book = World(0), ScriptedLedger()
        judge = Judge([GrowthDetector(60 * NS_PER_SECOND, 80 * MIB)])
        for pid in world.own:
            book.start(pid, counters=world.counters(pid))
        for now in range(10):
            book.at = now
            world.step((20, 0, 0), others, 0, 0)
            for pid in world.own:
                book.read(pid, counters=world.counters(pid))
            said += [finding.sentence for finding in seen(world, book, judge)[1]]
    assert [bool(SUBJECT.search(sentence)) for sentence in said] == [True, False]
    assert REST.search(said[1])
