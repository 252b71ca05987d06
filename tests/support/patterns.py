"""Patterns of names, for tests that compare our reading of them with fnmatch's."""

import re


def has_no_oddity(glob: str) -> bool:
    """Whether fnmatch reads the pattern as its documentation says.

    It drops the empty range of `[b-a!]`, and then takes the `!` for a negation of nothing:
    the bracket accepts any letter. `[b-a]!` is excluded here, too.
    """
    return not re.search("-.*!", glob)
