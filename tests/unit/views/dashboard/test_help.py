import re
from pathlib import Path

from ebpftrace.views.dashboard.help import KEYS, help_lines
from ebpftrace.views.dashboard.press import _ACTIONS, _EFFECTS
from ebpftrace.views.dashboard.spans import plain
from tests.support.dashboards import PLAIN

DOCS = (Path(__file__).parents[4] / "docs" / "dashboard.md").read_text()


def test_every_key_that_does_something_is_told_in_the_help_and_the_docs() -> None:
    helped = {key for keys, _ in KEYS for key in keys.split()}
    documented = set(re.findall(r"`([^`]+)`", DOCS))
    for key in {*_ACTIONS, *_EFFECTS}:
        if len(key) == 1 and key.isprintable() and key not in " hQ":  # h is ?, Q is q
            assert key in helped, key
            assert key in documented, key


def test_it_fits_eighty_columns_and_the_lines_there_are() -> None:
    assert max(len(plain(line)) for line in help_lines(80, 40, PLAIN)) <= 80
    assert len(help_lines(80, 5, PLAIN)) == 5
