"""A new detector is one file: policies, schema, words and trigger take it from there."""

import tomllib
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import fastjsonschema
import pytest

from ebpftrace.act.policy.describe import in_words
from ebpftrace.act.policy.file import PolicyFileError, parse_policies
from ebpftrace.act.policy.matching import explain
from ebpftrace.act.policy.schema import schema
from ebpftrace.act.trigger.marks import Marks
from ebpftrace.act.trigger.trigger import Trigger
from ebpftrace.judge.condition_kind import ConditionKind, Setting, SettingType
from ebpftrace.judge.detector import Detector, Verdict
from ebpftrace.judge.detectors import CONDITION_KINDS
from ebpftrace.judge.finding import FindingUnit, Severity
from ebpftrace.judge.samples import Samples
from ebpftrace.ledger import Snapshot
from ebpftrace.units import MIB, NS_PER_SECOND, format_bytes
from tests.support import watches


@dataclass(frozen=True, slots=True)
class TmpfsDetector(Detector):
    """Shared memory above a size, and at least a share of all that is held."""

    size_bytes: int
    share: float
    severity: Severity = Severity.WARNING
    name: str = "tmpfs"

    units: ClassVar = frozenset({FindingUnit.BYTES})
    measures_gain: ClassVar = False
    sample_every_ns: ClassVar = NS_PER_SECOND

    @property
    def bytes_to_bound(self) -> Any:
        return lambda samples: self.size_bytes - samples.now.shmem_bytes

    def verdict(self, samples: Samples) -> Verdict | None:
        now = samples.now
        if now.shmem_bytes < max(self.size_bytes, self.share * now.held_bytes):
            return None
        return Verdict(
            self.severity, now.shmem_bytes, self.size_bytes, FindingUnit.BYTES, now.time_ns,
            "fills its tmpfs",
        )  # fmt: skip


TMPFS = ConditionKind(
    name="tmpfs",
    doc="shared memory, and what is in tmpfs",
    settings=(
        Setting("size", SettingType.SIZE, "bytes", required=True),
        Setting("share", SettingType.SHARE, "of what is held", required=False),
    ),
    per_process=True,
    build=lambda size, share=0.0: TmpfsDetector(size, share),
    describe=lambda detector, subject: (
        f"{subject} has {format_bytes(detector.size_bytes)} of shared memory"
    ),
)
KINDS = {**CONDITION_KINDS, TMPFS.name: TMPFS}
POLICY = """\
[[policy]]
name = "tmpfs"
when = [{ detector = "tmpfs", size = "300MiB", share = "50%" }]
then = [{ action = "capture" }]
"""


def taken(shmem_mib: int, second: int = 0) -> Snapshot:
    process = watches.process(4711, 10 * MIB)
    usage = replace(process.counters.usage, shmem_bytes=shmem_mib * MIB)
    process = replace(process, counters=process.counters._replace(usage=usage))
    job = watches.job(processes=(process,), limit=None)
    snapshot = watches.snapshot(replace(job, usage=process.own))
    return snapshot._replace(monotonic_ns=second * NS_PER_SECOND)


def test_policies_take_it() -> None:
    (policy,) = parse_policies(POLICY.encode(), "p", detectors=KINDS)
    assert policy.when[0].detector == TmpfsDetector(300 * MIB, 0.5)
    with pytest.raises(PolicyFileError) as unknown:
        parse_policies(POLICY.encode(), "p")
    assert 'found "tmpfs"' in (unknown.value.why or "")
    for wrong in (
        POLICY.replace('size = "300MiB", ', ""), POLICY.replace("50%", "50"),
        POLICY.replace("share", "shore"),
    ):  # fmt: skip
        with pytest.raises(PolicyFileError):
            parse_policies(wrong.encode(), "p", detectors=KINDS)


def test_the_schema_has_it() -> None:
    valid = fastjsonschema.compile(schema(detectors=KINDS))
    valid(tomllib.loads(POLICY))
    with pytest.raises(fastjsonschema.JsonSchemaException):
        valid(tomllib.loads(POLICY.replace("300MiB", "many")))
    with pytest.raises(fastjsonschema.JsonSchemaException):
        fastjsonschema.compile(schema())(tomllib.loads(POLICY))


def test_it_is_described_and_explained() -> None:
    policies = parse_policies(POLICY.encode(), "p", detectors=KINDS)
    assert dict(in_words(policies[0]))["when"] == "a job has 300 MiB of shared memory"
    (answer,) = explain(policies, "gopls", watches.identity())
    assert answer.applies


def test_the_trigger_asks_it_and_the_kernel_watches_its_bound() -> None:
    (policy,) = parse_policies(POLICY.encode(), "p", detectors=KINDS)
    trigger = Trigger(policy)
    assert not list(trigger.fire(taken(100), ()))
    marks = Marks().for_snapshot([trigger], taken(100))
    assert [mark.held_bytes for mark in marks] == [taken(300).usage.held_bytes]
    (firing,) = trigger.fire(taken(400, 1), ())
    assert firing.finding.sentence.endswith("fills its tmpfs")
    assert not firing.finding.measures_gain


@pytest.mark.parametrize(
    "forgotten",
    ["name", "units", "measures_gain", "sample_every_ns", "bytes_to_bound", "verdict"],
)
def test_a_detector_without_one_of_its_properties_cannot_be_created(forgotten: str) -> None:
    body = {
        name: value for name, value in vars(TmpfsDetector).items()
        if name in Detector.__abstractmethods__ and name != forgotten
    }  # fmt: skip
    incomplete = type("Incomplete", (Detector,), body)
    with pytest.raises(TypeError, match=forgotten):
        incomplete()


@pytest.mark.parametrize("forgotten", [field.name for field in fields(ConditionKind)])
def test_a_condition_without_one_of_its_properties_cannot_be_created(forgotten: str) -> None:
    given = {field.name: getattr(TMPFS, field.name) for field in fields(ConditionKind)}
    del given[forgotten]
    with pytest.raises(TypeError, match=forgotten):
        ConditionKind(**given)
