"""What the user should know, when a watch begins, of names that cannot match."""

from ebpftrace.act.policy.reach import (
    unmatched_in_file,
    unmatched_in_watch,
    unmatched_names,
)
from ebpftrace.engine.request import WatchRequest


def name_remarks(request: WatchRequest) -> list[str]:
    """Patterns that match nothing, of `--comm` and of policies; policies that never apply."""
    selection = request.selection
    policies = request.policies.policies if request.policies is not None else ()
    of_policies = {glob for policy in policies for glob in policy.match.comms}
    own = [glob for glob in selection.comms if glob not in of_policies]
    return [
        *unmatched_names(own, "--comm"),
        *unmatched_in_file(policies),
        *unmatched_in_watch(policies, selection.comms, children=selection.children),
    ]
