"""annotate: write onto the pod why the policy acts, and where the evidence is."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from ebpftrace.act.actions.pod import pod_of
from ebpftrace.act.actions.support.action import Action
from ebpftrace.act.actions.support.background import Background
from ebpftrace.act.actions.support.running import Ended, Running, finished
from ebpftrace.act.incident.incident import Incident
from ebpftrace.act.incident.outcome import StepStatus
from ebpftrace.act.process.identity import RefusedError
from ebpftrace.text import clean
from ebpftrace.units import NS_PER_SECOND

_PREFIX_LIMIT, _VALUE_LIMIT = 253, 1024
_PREFIX_SIGNS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.")


@dataclass(frozen=True, slots=True)
class AnnotateOptions:
    """The options of one step."""

    prefix: Annotated[str, "of the annotations: PREFIX/reason, PREFIX/evidence, …"] = (
        "ebpftrace"
    )

    def __post_init__(self) -> None:
        valid = 0 < len(self.prefix) <= _PREFIX_LIMIT and _PREFIX_SIGNS.issuperset(self.prefix)
        if not valid or self.prefix.strip("-.") != self.prefix:
            raise ValueError(f'prefix "{clean(self.prefix, 40)}" is no DNS name')


def start(incident: Incident, options: AnnotateOptions) -> Running:
    """Refused outside pods."""
    try:
        uid = pod_of(incident)
    except RefusedError as error:
        return finished(StepStatus.SKIPPED, error.what)
    return Background(
        "annotate", incident.target, lambda _cancelled: _write(uid, incident, options)
    )


def _write(uid: str, incident: Incident, options: AnnotateOptions) -> Ended:
    from ebpftrace.kubernetes.node_pods import NodePods

    pods = NodePods.open()
    pod = pods.find(uid)
    when = datetime.fromtimestamp(incident.time_ns // NS_PER_SECOND, UTC)
    where = f"{pods.node}:{incident.evidence}" if incident.evidence else None
    known = {
        "incident": incident.id,
        "policy": incident.policy,
        "reason": incident.finding.sentence,
        "time": f"{when:%Y-%m-%dT%H:%M:%SZ}",
        "evidence": where,
    }
    pods.annotate(
        pod,
        {
            f"{options.prefix}/{name}": None if value is None else clean(value, _VALUE_LIMIT)
            for name, value in known.items()
        },
    )
    return Ended(StepStatus.DONE, f"pod {pod.in_words} is annotated")


ACTION = Action(
    name="annotate",
    options=AnnotateOptions,
    doc="write the reason and where the evidence is onto the pod",
    timeout_ns=30 * NS_PER_SECOND,
    start=start,
    prepare=None,
    concurrent=True,
    after_outcome=False,
    informational=True,
    temporary=False,
    spends_budget=False,
    saves_evidence=False,
    awaits_evidence=False,
)
