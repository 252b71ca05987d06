"""All CI systems, in the order in which they are tried."""

from ebpftrace.jobs.ci.circleci import CircleCi
from ebpftrace.jobs.ci.github import FORGEJO, GITEA, GITHUB
from ebpftrace.jobs.ci.jenkins import Jenkins
from ebpftrace.jobs.ci.run import CiSystem
from ebpftrace.jobs.ci.table import BY_VARIABLES
from ebpftrace.jobs.ci.tekton import Tekton

CI_SYSTEMS: tuple[CiSystem, ...] = (
    GITHUB,
    GITEA,
    FORGEJO,
    Jenkins(),
    CircleCi(),
    *BY_VARIABLES,
    Tekton(),
)
