import re
from pathlib import Path

from ebpftrace.views.dashboard.model.key_actions import _ACTIONS, _EFFECTS
from ebpftrace.views.dashboard.model.user_commands import COMMAND_KEYS
from ebpftrace.views.dashboard.render.help import KEYS, help_lines
from ebpftrace.views.dashboard.render.spans import plain
from tests.support.dashboards import PLAIN

DOCS = (Path(__file__).parents[5] / "docs" / "dashboard.md").read_text()


def test_every_key_is_in_the_help_and_the_docs() -> None:
    helped = {key for keys, _ in KEYS for key in keys.split()}
    documented = set(re.findall(r"`([^`]+)`", DOCS))
    for key in {*_ACTIONS, *_EFFECTS, *COMMAND_KEYS}:
        if len(key) == 1 and key.isprintable() and key not in " hQ":  # h is ?, Q is q
            assert key in helped, key
            assert key in documented, key


def test_it_fits_a_small_terminal_below_a_header_of_four_lines() -> None:
    lines = [plain(line) for line in help_lines(80, PLAIN)]
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 24 - 4 - 1
    assert not [line for line in lines if "…" in line]


def test_the_help_has_every_sign_on_a_narrow_terminal() -> None:
    text = "\n".join(plain(line) for line in help_lines(40, PLAIN))
    signs = PLAIN.signs
    for sign in (signs.anon, signs.shmem, signs.file, signs.rest, signs.near, signs.killed,
                 signs.frozen):  # fmt: skip
        assert f" {sign} " in text
