"""Tekton.

Tekton sets no variables that name a run. It starts every step through its own program,
/tekton/bin/entrypoint (before 0.28 /tekton/tools/entrypoint), as the step container's first
process, with the step's number in `-step_metadata_dir /tekton/run/N/status`. It names the
TaskRun's pod "TASKRUN-pod" or "TASKRUN-pod-retryN", which Kubernetes puts into HOSTNAME.
Source: tektoncd/pipeline, pkg/pod/entrypoint.go and pkg/pod/pod.go.
"""

import re
from itertools import pairwise

from ebpftrace.jobs.ci.run import CiProcess, CiRun, run_id, short_name, word
from ebpftrace.jobs.run_parts import without_run_parts

_COMM = "entrypoint"
_PROGRAMS = ("/tekton/bin/entrypoint", "/tekton/tools/entrypoint")
_POD = re.compile(r"(.+)-pod(?:-retry(\d+)|-[0-9a-z]{5,6})?")
_STEP = re.compile(r"/tekton/(?:run|steps)/([^/]+)(?:/status)?")


class Tekton:
    kind = "tekton"
    agents: tuple[str, ...] = ()

    def identify(self, process: CiProcess) -> CiRun | None:
        pod = word(process.environ, "HOSTNAME")
        if process.comm != _COMM or not pod:
            return None
        args = process.read_args()
        if not args or args[0] not in _PROGRAMS:
            return None
        match = _POD.fullmatch(pod)
        task = match[1] if match else pod
        retry = (match[2] or "") if match else ""
        step = _step(args)
        return CiRun(
            kind=self.kind,
            run=run_id(pod),
            name=short_name(task, retry, f"step {step}" if step else ""),
            variable="/tekton entrypoint and HOSTNAME",
            recurring=run_id(without_run_parts(task), step),
        )


def _step(args: tuple[str, ...]) -> str:
    for option, value in pairwise(args):
        if option == "-step_metadata_dir" and (match := _STEP.fullmatch(value)):
            return match[1]
        if option == "--":
            break
    return ""
