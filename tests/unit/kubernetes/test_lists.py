"""Lists are read piece by piece, wherever a piece ends."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpftrace.kubernetes.lists import parse_items, parse_object

ITEM = st.dictionaries(
    st.text(max_size=5), st.one_of(st.text(max_size=20), st.integers()), max_size=4
)


@given(st.lists(ITEM, max_size=5), st.integers(1, 40))
def test_each_item_is_found_whatever_the_pieces_are(
    items: list[dict[str, object]], size: int
) -> None:
    head = {"kind": "PodList", "metadata": {"resourceVersion": "7"}, "items": items}
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()
    pieces = iter([text[at : at + size] for at in range(0, len(text), size)])
    found = list(parse_items(pieces))
    assert found[0] == {**head, "items": []}
    assert found[1:] == items


def test_a_list_that_is_null_has_no_items() -> None:
    assert list(parse_items(iter([b'{"kind":"PodList","items":null}'])))[1:] == []


@pytest.mark.parametrize("text", [b'{"items":[{"a":1},', b'{"items":[{"a"', b"no JSON", b""])
def test_a_list_that_breaks_off_is_an_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        list(parse_items(iter([text])))


@pytest.mark.parametrize("text", ["[]", "7", "[" * 100_000, ""])
def test_what_is_no_object_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_object(text)
