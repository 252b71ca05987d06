"""The names of processes, and the patterns that are compared with them.

A process has two: the one it was executed under, and the one it has now. Node calls its main
thread node-MainThread. Both are kept, in the
15 bytes that the kernel keeps, and a pattern matches either.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

COMM_BYTES = 15  # TASK_COMM_LEN of linux/sched.h, without the NUL
_WILDCARDS = frozenset("*?[")
_SCRIPT_ARGUMENTS = 3  # interpreter, its one option, the script: execve(2)


def cut_name(name: str) -> str:
    """As much of a name as the kernel keeps."""
    return name.encode()[:COMM_BYTES].decode(errors="ignore")


def cut_pattern(glob: str) -> str:
    """A plain name, cut as the kernel cuts it; a pattern as it is."""
    return glob if _WILDCARDS & set(glob) else cut_name(glob)


def matches_any(globs: Iterable[str], names: Iterable[str]) -> bool:
    """Whether one of the names matches one of the globs."""
    given = tuple(filter(None, names))
    return any(fnmatchcase(name, cut_pattern(glob)) for glob in globs for name in given)


def executed_name(comm: str, program: str, args: Sequence[str]) -> str:
    """The name under which a process that runs already was executed, as far as one can see.

    `program` is /proc/PID/exe. The name it has now, if an argument shows that it is that of a
    link or a script; else the name of the file.
    """
    shown = (cut_name(_base(arg)) for arg in args[:_SCRIPT_ARGUMENTS])
    return comm if comm in shown else cut_name(_base(program)) or comm


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def bracket(glob: bytes, at: int, every: frozenset[int]) -> tuple[frozenset[int], int]:
    """Which of the bytes in `every` a `[a-z]` or `[!a-z]` accepts, and the index after it.

    `at` is the index after the opening bracket; an unclosed bracket accepts itself.
    """
    start = at + 1 if glob[at : at + 1] == b"!" else at
    end = glob.find(b"]", start + 1)
    if end < 0:
        return every & {ord("[")}, at
    body, listed, index = glob[start:end], set[int](), 0
    while index < len(body):
        if body[index + 1 : index + 2] == b"-" and index + 2 < len(body):
            listed.update(range(body[index], body[index + 2] + 1))
            index += 3
        else:
            listed.add(body[index])
            index += 1
    return (every - listed if start > at else every & listed), end + 1


def can_match_a_name(glob: str) -> bool:
    """Whether any program's name matches the pattern: no slash, and 15 bytes at most."""
    return meet(cut_pattern(glob), "*", most=COMM_BYTES)


def meet(left: str, right: str, most: int | None = None) -> bool:
    """Whether some text without a slash matches both patterns; of `most` bytes at most."""
    patterns = (_items(left), _items(right))
    start = (0, 0)
    lengths = {start: 0}
    queue = deque([start])
    while queue:
        at = queue.popleft()
        if all(
            _rest_may_be_empty(items, place) for items, place in zip(patterns, at, strict=True)
        ):
            return True
        if most is not None and lengths[at] >= most:
            continue
        for step in _steps(patterns, at):
            if step not in lengths:
                lengths[step] = lengths[at] + 1
                queue.append(step)
    return False


_Item = frozenset[int] | None  # the bytes that one place accepts; None: any number of any
_NO_SLASH = frozenset(range(1, 256)) - {ord("/")}


def _items(glob: str) -> tuple[_Item, ...]:
    """The places of a pattern, as fnmatch reads it, on bytes."""
    text, items, at = glob.encode(), list[_Item](), 0
    while at < len(text):
        letter = text[at : at + 1]
        at += 1
        if letter == b"*":
            if not items or items[-1] is not None:
                items.append(None)
        elif letter == b"?":
            items.append(_NO_SLASH)
        elif letter == b"[":
            accepted, at = bracket(text, at, _NO_SLASH)
            items.append(accepted)
        else:
            items.append(frozenset(letter) & _NO_SLASH)
    return tuple(items)


def _rest_may_be_empty(items: tuple[_Item, ...], at: int) -> bool:
    return all(item is None for item in items[at:])


def _moves(items: tuple[_Item, ...], at: int) -> Iterable[tuple[frozenset[int], int]]:
    """What one byte may be here, and the place after it."""
    if at == len(items):
        return
    item = items[at]
    if item is not None:
        yield item, at + 1
        return
    yield _NO_SLASH, at
    if at + 1 < len(items):  # never two stars in a row
        following = items[at + 1]
        assert following is not None
        yield following, at + 2


def _steps(
    patterns: tuple[tuple[_Item, ...], tuple[_Item, ...]], at: tuple[int, int]
) -> Iterable[tuple[int, int]]:
    for one, after_one in _moves(patterns[0], at[0]):
        for other, after_other in _moves(patterns[1], at[1]):
            if one & other:
                yield after_one, after_other
