"""What a TOML text may not contain, since reading it would take minutes or gigabytes.

tomllib reads a key in a time that is the square of its parts, and the lines of all tables
take the square of the depth in memory. So both are looked for first, in one pass.
"""

import re

MOST_PARTS = 16
"""Of a dotted key. The deepest key of a policy has three."""

MOST_DEPTH = 16
"""Of arrays and inline tables."""

# Possessive, so that what does not match costs one look at each character.
_STRING = r'"(?!"")(?:\\.|[^"\\\n])*+"' + r"|'(?!'')[^'\n]*+'"
_LONG_STRING = r'"""(?>(?:\\.|[^\\])*?""")"{0,2}+' + r"|'''(?>.*?''')'{0,2}+"
_PART = rf"(?:[A-Za-z0-9_-]++|{_STRING})"
_TOKEN = re.compile(
    rf"(?P<long>(?:{_PART}[ \t]*+\.[ \t]*+){{{MOST_PARTS}}})"
    rf"|{_PART}|{_LONG_STRING}|\#[^\n]*+"
    r"|(?P<open>[\[{])|(?P<close>[\]}])|(?P<torn>[\"'])"
    r"|[^A-Za-z0-9_\-\"'#\[\]{}]++",
    re.DOTALL,
)


def beyond_bounds(text: str) -> tuple[int, str] | None:
    """The line, from 1, and what there is too much of; None for an ordinary text.

    Of a text that is no TOML it says nothing after the first mistake.
    """
    depth = 0
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind is None:
            continue
        if kind == "torn":  # a string without an end: tomllib reads no further either
            return None
        depth += (kind == "open") - (kind == "close")
        if kind == "long":
            what = f"a key of more than {MOST_PARTS} parts"
        elif depth > MOST_DEPTH:
            what = f"arrays or tables more than {MOST_DEPTH} deep"
        else:
            continue
        return text.count("\n", 0, token.start()) + 1, what
    return None
