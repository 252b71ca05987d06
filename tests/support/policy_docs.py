"""What docs/policy.md says about actions."""

import re


def documented_options(docs: str, action: str) -> set[str] | None:
    """The keys in the section of an action; None if there is no such section."""
    section = re.search(rf"^### `{action}`\n(.*?)(?=^##|\Z)", docs, re.DOTALL | re.MULTILINE)
    if section is None:
        return None
    return set(re.findall(r"^\| `(\w+)` \|", section[1], re.MULTILINE))
