"""Rows come out of a page as they went in, cost little, and can't end the block that holds them."""

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shared.report.packing import as_data, pack
from shared.report.views import RowView
from shared.texts.catalogue import catalogue
from tests.report.page.drawn import some_views

TEXT = st.text(max_size=12) | st.sampled_from(["</script>", "<!--", "\u2028", "&lt;", "]]>", '"', "\\"])
ROWS = st.lists(
    st.builds(
        RowView,
        id=TEXT,
        upn=TEXT,
        name=TEXT,
        state=st.sampled_from(["covered", "uncovered"]),
        state_text=TEXT,
        rule=TEXT,
        cause_text=TEXT,
        kinds=st.lists(TEXT, max_size=2).map(tuple),
        kinds_text=TEXT,
        severity=TEXT,
        since=TEXT,
        synced=st.booleans(),
        skus=st.lists(TEXT, max_size=2).map(tuple),
        remedy=st.lists(TEXT, max_size=2).map(tuple),
        others_text=TEXT,
        excepted=TEXT,
    ),
    max_size=6,
)


def unpacked(text: str) -> list[dict[str, Any]]:
    """What the page's script makes of it."""
    packed = json.loads(text)
    own = len(packed["fields"]) - len(packed["shared"])
    return [
        {
            name: one if n < own else packed["values"][one]
            for n, (name, one) in enumerate(zip(packed["fields"], row, strict=True))
        }
        for row in packed["rows"]
    ]


@given(ROWS)
def test_what_goes_in_comes_out(views: list[RowView]) -> None:
    packed = pack(views, most=100, room=100_000)
    assert packed.rows == len(views)
    assert unpacked(packed.text) == msgspec.json.decode(msgspec.json.encode(views))


@given(ROWS, st.integers(0, 600), st.integers(0, 6))
def test_no_more_is_taken_than_fits_and_always_the_first(views: list[RowView], room: int, most: int) -> None:
    packed = pack(views, most=most, room=room)
    whole = msgspec.json.decode(msgspec.json.encode(views))
    assert unpacked(packed.text) == whole[: packed.rows]
    assert packed.rows <= most
    frame = len(pack([], most=0, room=0).text)
    assert len(packed.text.encode()) <= frame + room


@given(st.recursive(TEXT, lambda more: st.lists(more, max_size=3)))
def test_data_has_no_sign_that_html_would_take_for_markup(value: object) -> None:
    text = as_data(value).decode()
    assert json.loads(text) == value
    assert not set(text) & {"<", ">", "&", "\u2028", "\u2029"}


def test_rows_that_share_their_words_cost_a_fifth() -> None:
    views = some_views(1_000, catalogue("en"))
    assert len(pack(views, most=1_000, room=10**9).text) < len(msgspec.json.encode(views)) / 5
